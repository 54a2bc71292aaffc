#!/usr/bin/env bash
# Render Dagster's chart with our values, and validate all that Kubernetes gets: make helm-check
#   CHART=  the chart's directory or archive (helm pull dagster/dagster --version …)
#   HELM=   helm (that of the PATH)
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -n "${CHART:-}" ] || { echo "error: CHART is not set: the directory of Dagster's chart, for helm-check" >&2; exit 2; }
[ -e "$CHART/Chart.yaml" ] || [ -f "$CHART" ] || { echo "error: CHART=$CHART is no chart" >&2; exit 2; }
helm=${HELM:-helm}
command -v "$helm" > /dev/null || { echo "error: HELM=$helm is not there" >&2; exit 2; }
wanted=$(sed -n 's/^dagster==\([0-9.]*\).*/\1/p' requirements.lock)
is=$("$helm" show chart "$CHART" | sed -n 's/^version: *//p')
[ "$is" = "$wanted" ] || [ "$is" = 0.0.1-dev ] || \
  { echo "error: CHART=$CHART is of Dagster $is: requirements.lock has $wanted" >&2; exit 2; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
validate=(.venv/bin/uv tool run --from kubernetes-validate==1.37.0 kubernetes-validate --strict --quiet)
for stage in dev staging prod; do
  # The chart's schema refers to the network.
  "$helm" template fact-events "$CHART" --namespace fact-events --skip-schema-validation \
    --values deploy/helm/values.yaml --values "deploy/helm/$stage.yaml" > "$out/$stage.yaml"
done
"${validate[@]}" "$out"/*.yaml deploy/kubernetes/[!k]*.yaml
echo "dev, staging and prod of $CHART ($is), and deploy/kubernetes: valid"
