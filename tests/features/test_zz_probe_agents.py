import asyncio, time, sys
sys.path.insert(0, "/work/main")
from tests.conftest import *
from tests.features.agency import *
from tests.features.people import show
import pytest, traceback

async def act(p, m, path, body=None, **h):
    r = await p.call(m, path, json=body, headers=h)
    return r.status_code, (r.json().get("code"), r.json().get("detail") or r.json().get("title")) if r.status_code >= 400 else r.json() if r.content else None

async def test_all(database, app, cast):
    ada, grace, vic = cast.ada, cast.grace, cast.vic
    async def q1():
        "vain 30s: budget raised while waiting"
        await ada.a_project("VAN"); await ada.a_task("VAN")
        a = await an_agent(ada, "V1", projects=["VAN"], reserve_tokens=100)
        r = await ada.call("POST", "/budgets", json={"project": "VAN", "tokens": 10}); print(r.status_code, r.text[:200])
        if r.status_code >= 400:
            r = await ada.call("PUT", "/budgets", json={"project": "VAN", "tokens": 10}); print(r.status_code, r.text[:200])
        w = asyncio.create_task(a.claim(wait_s=20)); await asyncio.sleep(3)
        r = await ada.call("PUT", "/budgets", json={"project": "VAN", "tokens": 1000}); print(r.status_code); t = time.monotonic()
        c = await w; print(c["task"] and c["task"]["key"], round(time.monotonic()-t, 2))
    async def q2():
        "key of an agent that is in a private project, made by a stranger"
        await grace.a_project("SEC", visibility="private"); await grace.a_task("SEC", "Merger")
        a = await an_agent(grace, "In"); await grace.call("PUT", f"/projects/SEC/members/{a.id}")
        k = await ada.post(f"/agents/{a.id}/keys", {"name": "peek"})
        print(with_key(a, k["secret"]) and (await with_key(a, k["secret"]).get("/tasks/SEC-1"))["title"])
    async def q3():
        "private run in agents list etc for outsider"
        a = await an_agent(grace, "In2", projects=["SEC"]); await grace.call("PUT", f"/projects/SEC/members/{a.id}")
        c = await a.claim(); print(c["task"]["key"])
        x = await ada.get(f"/agents/{a.id}"); print(x["status"], x["assignments"])
        print((await ada.call("GET", f"/runs/{c['run_id']}")).status_code)
    async def q4():
        "registration with hidden project: stranger adding"
        r = await ada.call("POST", "/agents", json={"name": "x", "projects": ["SEC"]}); print(r.status_code)
    async def q5():
        "archived project's tasks are given?"
        await ada.a_project("ARC"); await ada.a_task("ARC")
        r = await ada.call("PATCH", "/projects/ARC", json={"archived": True}); print(r.status_code)
        a = await an_agent(ada, "Arc", projects=["ARC"]); c = await a.claim(); print(c["task"] and c["task"]["key"])
        r = await a.call("POST", "/agents/assign", json={"task": "ARC-1"}); print(r.status_code, r.text[:150])
        b = await an_agent(ada, "Arc2"); c = await b.claim(); print(c["task"] and c["task"]["key"])
    async def q6():
        "assign done, no status change of in_review; learned paths with glob chars; submit evidence paths of traversal"
        await ada.a_project("LRN"); await ada.a_task("LRN")
        a = await an_agent(ada, "Lrn"); c = await a.claim("LRN-1")
        r = await a.write("POST", f"/runs/{c['run_id']}/submission", {"summary": "d", "evidence": [{"kind": "commit", "sha": "a"*40, "paths": ["/etc/x", "../y", "./src/a.py", "src\\b.py", "**", "", "a"]}]}, fence=c["fence"]); print(r.status_code, r.text[:200])
        print((await ada.get("/tasks/LRN-1"))["learned_footprint"])
    async def q7():
        "priority of heartbeat after claim named by a person w/o fence; person using fence header of agent"
        await ada.a_project("PFN"); await ada.a_task("PFN")
        a = await an_agent(ada, "Pfn"); c = await a.claim("PFN-1")
        r = await ada.call("PATCH", "/tasks/PFN-1", json={"title": "x"}, headers={"Nexus-Fence": str(c["fence"])}); print(r.status_code, r.text[:200])
        r = await ada.call("PATCH", "/tasks/PFN-1", json={"title": "x"}); print(r.status_code)
    async def q8():
        "claim named: task in other form"
        await ada.a_project("FRM"); await ada.a_task("FRM")
        a = await an_agent(ada, "Frm", projects=["FRM"])
        r = await a.call("POST", "/agents/assign", json={"task": "frm-1"}); print(r.status_code, r.text[:100])
    async def q9():
        "moved project: agent with projects limit"
        await ada.a_project("MVA"); await ada.a_project("MVB"); await ada.a_task("MVA")
        a = await an_agent(ada, "Mov", projects=["MVA"]); c = await a.claim()
        r = await a.write("PATCH", "/tasks/MVA-1/project", {"project": "MVB"}, fence=c["fence"]); print(r.status_code, r.text[:150])
        print((await a.beat(c)).status_code, (await ada.get("/runs/"+c["run_id"]))["task"])
    for f in (q1,q2,q3,q4,q5,q6,q7,q8,q9):
        print("\n##", f.__name__, f.__doc__)
        try: await asyncio.wait_for(f(), 40)
        except BaseException as e: traceback.print_exc(limit=3)
