"""Models in and out of the database."""

from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from nexus.features.estimates.domain import Calibration, Model
from nexus.features.estimates.tables import ComplexityModelRow
from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Transaction


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
        }
        saved = await self._tx.execute(
            update(ComplexityModelRow)
            .where(ComplexityModelRow.workspace_id == workspace_id)
            .values(values)
        )
        if not saved.rowcount:
            await self._tx.execute(
                insert(ComplexityModelRow).values(workspace_id=workspace_id, **values)
            )
