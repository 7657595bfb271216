"""Write a migration from what the tables declare and the newest schema lacks: make migration."""

import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from alembic import command

from nexus.platform.database_url import understand_url
from nexus.platform.migrating import MIGRATIONS, alembic_config, migrate, migrating_connection


def main() -> None:
    name = "_".join(re.findall(r"[a-z0-9]+", " ".join(sys.argv[1:]).lower()))
    if not name:
        sys.exit("Say what it does: make migration NAME=add_labels")
    with tempfile.TemporaryDirectory() as folder:
        url = understand_url(f"sqlite:///{folder}/schema.db")
        migrate(url)
        with migrating_connection(url) as connection:
            config = alembic_config(connection)
            stamp = datetime.now(UTC).strftime("%Y_%m_%d_%H%M")
            config.set_main_option("file_template", f"{stamp}_%%(slug)s")
            command.revision(
                config,
                name.replace("_", " ").capitalize(),
                autogenerate=True,
                rev_id=stamp.replace("_", ""),
            )
    print(f"Written to {Path(MIGRATIONS, 'versions')}. Read it before you commit it.")


if __name__ == "__main__":
    main()
