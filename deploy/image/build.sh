#!/usr/bin/env bash
# Build the images, and take the list of what they consist of out: make image
#   BASE=     another base than the Dockerfile's
#   IMAGE=    their name (fact-events), TAG= theirs; the slim one's ends in -slim
#   ENGINE=   docker, podman or buildah: the first that answers
#   CA_FILE=  certificates of who re-signs TLS between here and the package index
#   LIST=     where sbom.cdx.json and licenses.tsv go (dist/image)
#   CONTEXT=  a checkout (this one)
set -euo pipefail
cd "$(dirname "$0")/../.."
for each in ${ENGINE:-docker podman buildah}; do
  if "$each" info > /dev/null 2>&1; then engine=$each; break; fi
done
[ -n "${engine:-}" ] || { echo "error: ENGINE=${ENGINE:-}: neither docker nor podman nor buildah answers" >&2; exit 2; }
name=${IMAGE:-fact-events}:${TAG:-$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)}
# Podman's own format of images has no health check.
export BUILDAH_FORMAT=docker DOCKER_BUILDKIT=1
build=(build)
case $engine in
  buildah) build=(bud --layers) ;;
  podman) build=(build --layers) ;;
esac
[ -z "${BASE:-}" ] || build+=(--build-arg "BASE=$BASE")
[ -z "${CA_FILE:-}" ] || build+=(--secret "id=ca,src=$CA_FILE")
build+=(--file deploy/Dockerfile)
context=${CONTEXT:-.}
list=${LIST:-dist/image}
mkdir -p "$list"
"$engine" "${build[@]}" --target full --tag "$name" "$context"
"$engine" "${build[@]}" --target slim --tag "$name-slim" "$context"
"$engine" "${build[@]}" --target sbom --output "type=local,dest=$list" "$context"
echo "$name and $name-slim; $list/sbom.cdx.json and $list/licenses.tsv"
