"""What Python assets return, as files under STORAGE_URL: a local path or s3://bucket/prefix."""

from typing import Any

import dagster as dg
from upath import UPath

from core.settings import local_dir
from orchestration.settings import orchestration_settings


class PartitionedFiles(dg.UPathIOManager):
    """A file per partition: DataFrames as Parquet, anything else by joblib.

    Assets return, and get, {partition key: object}: of a day one, of a range many. The files must
    be the project's own: joblib runs what is in them.
    """

    def handle_output(self, context: dg.OutputContext, obj: dict[str, Any]) -> None:
        """Write a file for each partition of the run; KeyError where the asset returned none."""
        folder = UPath(self._base_path).joinpath(*context.asset_key.path)
        for key in context.asset_partition_keys:
            self.dump_to_path(context, obj[key], folder / key)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(folder))})

    def load_input(self, context: dg.InputContext) -> dict[str, Any]:
        """The objects of the partitions that are asked for, however many."""
        keys = context.asset_partition_keys
        objects = super().load_input(context)
        return objects if len(keys) > 1 else {keys[0]: objects}

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Write under another name, then rename: a reader never sees half a file."""
        is_frame = hasattr(obj, "to_parquet")
        final = path.with_name(path.name + (".parquet" if is_frame else ".joblib"))
        final.parent.mkdir(parents=True, exist_ok=True)
        part = final.with_name(f"{final.name}.{context.run_id}")
        with part.open("wb") as file:
            if is_frame:
                obj.to_parquet(file)
            else:
                import joblib  # 0.5 s: not for loading the code location

                joblib.dump(obj, file)
        part.rename(final)

    def load_from_path(self, context: dg.InputContext | None, path: UPath) -> Any:
        """What `dump_to_path` wrote."""
        frame = path.with_name(f"{path.name}.parquet")
        if frame.exists():
            import pandas as pd

            with frame.open("rb") as file:
                return pd.read_parquet(file)
        import joblib

        with path.with_name(f"{path.name}.joblib").open("rb") as file:
            return joblib.load(file)


class Storage(PartitionedFiles):
    """Those files; credentials are the environment's, as s3fs reads them."""

    def __init__(self, url: str = "") -> None:
        self.url = url or orchestration_settings().storage_url or str(local_dir() / "storage")
        super().__init__(UPath(self.url))
