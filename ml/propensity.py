"""Who is likely to buy: a logistic regression on a day's features."""

from __future__ import annotations

from zlib import crc32

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from ml.features import CATEGORIES, NUMERIC

# One user in so many is held out, the same ones every day: by name, not by chance.
HELD_OUT = 4


def train(features: pd.DataFrame) -> tuple[Pipeline, dict[str, float]]:
    """A model of `bought` and its metrics on users it has not seen.

    Args:
        features: as ml.features.features_of makes them. With only one outcome in them, the model
            predicts that one's share.

    Returns:
        The fitted pipeline and rows, share of buyers, and, of held-out users, log loss and area
        under the ROC curve, each where it is defined.
    """
    held_out = features.user_id.map(lambda user: crc32(user.encode()) % HELD_OUT == 0).astype(bool)
    seen, unseen = features[~held_out], features[held_out]
    metrics = {"rows": float(len(features))}
    if features.empty:
        return make_pipeline(DummyClassifier(strategy="constant", constant=False)), metrics
    metrics["buyers_share"] = float(features.bought.mean())
    seen = features if seen.empty else seen
    is_mixed = seen.bought.nunique() == 2
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), NUMERIC),
            (OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        ),
        LogisticRegression(max_iter=1000) if is_mixed else DummyClassifier(strategy="prior"),
    )
    # On these few rows a second BLAS thread only spins: twice the CPU time, and twice the wall
    # time where the other core has work (53 and 102 ms a day).
    with threadpool_limits(1):
        model.fit(seen[[*NUMERIC, *CATEGORIES]], seen.bought)
        if is_mixed and unseen.bought.nunique() == 2:
            likely = model.predict_proba(unseen[[*NUMERIC, *CATEGORIES]])[:, 1]
            metrics["log_loss"] = float(log_loss(unseen.bought, likely))
            metrics["roc_auc"] = float(roc_auc_score(unseen.bought, likely))
    return model, metrics
