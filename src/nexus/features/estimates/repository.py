"""Models in and out of the database."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, update

from nexus.features.estimates.domain import Calibration, Model
from nexus.features.estimates.tables import ComplexityModelRow
from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Transaction
from nexus.platform.upsert import upsert


class ModelRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self) -> Model:
        """What the workspace has learned, or what all begin with."""
        found = await self._tx.execute(
            select(ComplexityModelRow.weights, ComplexityModelRow.calibration).where(
                ComplexityModelRow.workspace_id == self._tx.workspace_id
            )
        )
        row = found.first()
        if row is None:
            return Model()
        calibration = msgspec.convert(row.calibration, Calibration)
        return Model(weights=row.weights, calibration=calibration)

    async def save(self, workspace_id: WorkspaceId, model: Model, of: Calibration) -> None:
        values: dict[str, Any] = {
            "weights": dict(model.weights),
            "calibration": msgspec.to_builtins(of),
            "calibrated_at": of.calibrated_at,
            "applied_at": None,
        }
        await self._tx.execute(
            upsert(self._tx, ComplexityModelRow)
            .values(workspace_id=workspace_id, **values)
            .on_conflict_do_update(index_elements=[ComplexityModelRow.workspace_id], set_=values)
        )

    async def is_applied(self) -> bool:
        """Whether all open tasks are estimated by what was learned last."""
        found = await self._tx.execute(
            select(ComplexityModelRow.workspace_id).where(
                ComplexityModelRow.workspace_id == self._tx.workspace_id,
                ComplexityModelRow.applied_at.is_(None),
            )
        )
        return found.first() is None

    async def applied(self, model: Model, at: datetime) -> None:
        """Note that they are, unless more was learned meanwhile."""
        if model.calibration:
            await self._tx.execute(
                update(ComplexityModelRow)
                .where(
                    ComplexityModelRow.workspace_id == self._tx.workspace_id,
                    ComplexityModelRow.calibrated_at == model.calibration.calibrated_at,
                )
                .values(applied_at=at)
            )
