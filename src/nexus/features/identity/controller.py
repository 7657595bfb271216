"""Signing in and out, and the caller's own account."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.params import PathParameter
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import UNSET

from nexus.features.identity.domain import NewSession, SessionId
from nexus.features.identity.dto import (
    AccountPatch,
    MeOut,
    SessionOut,
    SessionPage,
    SignedInOut,
    SignInIn,
)
from nexus.features.identity.service import SessionService, UserService
from nexus.features.identity.wiring import password_service, session_service, user_service
from nexus.platform.actor import Caller, UserId
from nexus.platform.errors import Invalid, NotAuthenticated
from nexus.platform.http.authentication import (
    SESSION_COOKIE,
    OriginNotAllowed,
    Presented,
    csrf_token,
)
from nexus.platform.http.guards import anyone, known, signed_in

# As long as browsers keep one: when a session ends is the server's to say.
_COOKIE_MAX_AGE_S = 400 * 24 * 3600


class SessionController(Controller):
    path = "/sessions"
    tags = ["Account"]
    dependencies = {"sessions": Provide(session_service, sync_to_thread=False)}

    @post(
        guards=[anyone()],
        opt={
            "public": True,
            "answers_secret": True,
            "body_is_secret": True,
            "checks_origin": True,
        },
        operation_id="signIn",
        summary="Sign in with e-mail address and password",
        dependencies={"signing_in": Provide(password_service, sync_to_thread=False)},
    )
    async def sign_in(
        self,
        data: SignInIn,
        request: Request[Any, Any, Any],
        signing_in: SessionService,
        allowed_origins: frozenset[str],
        cookies_secure: bool,
    ) -> Response[SignedInOut]:
        OriginNotAllowed.check(request.scope, allowed_origins)
        presented: Presented = request.scope["state"]["presented"]
        new = await signing_in.sign_in(
            data.email,
            data.password,
            address=presented.address,
            user_agent=presented.user_agent,
        )
        return signed_in_response(new, secure=cookies_secure)

    @get(guards=[signed_in()], operation_id="listSessions", summary="List your sessions")
    async def list_sessions(self, sessions: SessionService, caller: Caller) -> SessionPage:
        found = await sessions.list_sessions(_user(caller))
        items = [SessionOut.of(session, caller.session_id) for session in found]
        return SessionPage(items=items, next_cursor=None)

    @delete(
        "/{session_id:str}",
        status_code=HTTP_204_NO_CONTENT,
        guards=[signed_in()],
        operation_id="revokeSession",
        summary="Sign out: end a session of yours ('current' for this one)",
    )
    async def revoke(
        self,
        session_id: Annotated[str, PathParameter(description="An id, or `current`.")],
        sessions: SessionService,
        caller: Caller,
    ) -> Response[None]:
        try:
            chosen = caller.session_id if session_id == "current" else UUID(session_id)
        except ValueError:
            raise Invalid(
                reason="A session id is a UUID, or 'current'.", field="session_id"
            ) from None
        if chosen:
            await sessions.revoke(SessionId(chosen), _user(caller))
        ended = chosen == caller.session_id
        return Response(None, cookies=[_session_cookie("", max_age_s=0)] if ended else None)


class MeController(Controller):
    path = "/me"
    tags = ["Account"]
    dependencies = {"users": Provide(user_service, sync_to_thread=False)}

    @get(guards=[known()], operation_id="getMe", summary="Say who you are")
    async def get_me(
        self, request: Request[Any, Any, Any], users: UserService, caller: Caller
    ) -> MeOut:
        account = await users.account(caller.user_id) if caller.user_id else None
        return MeOut.of(account, caller.actor, _csrf(request))

    @patch(
        guards=[signed_in()],
        opt={"answers_secret": True, "body_is_secret": True},
        operation_id="updateMe",
        summary="Change your name or password",
        dependencies={"passwords": Provide(password_service, sync_to_thread=False)},
    )
    async def update_me(
        self,
        data: AccountPatch,
        request: Request[Any, Any, Any],
        users: UserService,
        passwords: SessionService,
        caller: Caller,
    ) -> MeOut:
        user_id = _user(caller)
        if data.password is not UNSET:
            presented: Presented = request.scope["state"]["presented"]
            await passwords.change_password(
                user_id,
                current="" if data.current_password is UNSET else data.current_password,
                new=data.password,
                kept=SessionId(caller.session_id) if caller.session_id else None,
                address=presented.address,
            )
        if data.name is not UNSET:
            await users.update(user_id, name=data.name)
        return MeOut.of(await users.account(user_id), caller.actor, _csrf(request))


def signed_in_response(new: NewSession, *, secure: bool) -> Response[SignedInOut]:
    out = SignedInOut(
        session=SessionOut.of(new.session, new.session.id), csrf_token=csrf_token(new.token)
    )
    cookie = _session_cookie(new.token, max_age_s=_COOKIE_MAX_AGE_S, secure=secure)
    return Response(out, status_code=201, cookies=[cookie])


def _session_cookie(value: str, *, max_age_s: int, secure: bool = False) -> Cookie:
    return Cookie(
        key=SESSION_COOKIE,
        value=value,
        httponly=True,
        secure=secure,
        samesite="lax",
        path="/",
        max_age=max_age_s,
    )


def _csrf(request: Request[Any, Any, Any]) -> str | None:
    presented: Presented = request.scope["state"]["presented"]
    return csrf_token(presented.session) if presented.session else None


def _user(caller: Caller) -> UserId:
    if caller.user_id is None:
        raise NotAuthenticated
    return caller.user_id
