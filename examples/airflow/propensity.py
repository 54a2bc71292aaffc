"""Trains the model of purchases on new facts: `python -m examples.airflow.propensity`."""

from __future__ import annotations

import json
import sys
from functools import partial

import joblib

from core.command_line import run_command
from core.days import DayRange
from core.errors import UserError
from core.settings import local_dir
from core.warehouse.relation import read
from core.warehouse.server import warehouse
from ml.features import features_by_day
from ml.propensity import train


def propensity() -> None:
    """Keep the model of the newest day whose tests passed, and print its metrics.

    Raises:
        UserError: no day has passed its tests.
    """
    where = warehouse()
    known = read(where, "analytics.event_days", "event_date")
    tested = [each["event_date"] for each in known if each["tests_passed"]]
    if not tested:
        raise UserError("analytics.event_days has no day whose tests passed: run make transform")
    activity = partial(read, where, "analytics.user_activity", "event_date")
    [(day, features)] = features_by_day(activity, DayRange.of(tested[-1]))
    model, metrics = train(features)
    folder = local_dir() / "propensity"
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / f"{day}.joblib")
    print(json.dumps({"day": f"{day}", **metrics}))


if __name__ == "__main__":
    sys.exit(run_command(propensity, [], prog="python -m examples.airflow.propensity"))
