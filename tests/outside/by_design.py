"""Tests of the official suite that fail with our macros by design, each with the reason."""

from __future__ import annotations

NAMES = "a schema is called what a model says, not <target's>_<model's> (generate_schema_name)"
OWN_MACRO = "the test's project has a generate_schema_name of its own: with ours it is there twice"
OF_OTHERS = "a view that is no model stands on it: dbt drops that, here the run stops and names it"
A_PART = "under --empty a stable_view that is there stays what it is"

_CUSTOM = "schema/test_custom_schema.py::TestCustomSchema"
_RUNTIME = "materializations/test_runtime_materialization.py::TestRuntimeMaterialization"
_TESTS = {
    NAMES: [
        "adapter/test_basic.py::TestDocsGenerate::test_run_and_generate",
        "adapter/test_basic.py::TestDocsGenerate::test_run_and_generate_no_compile",
        "adapter/test_simple_seed/test_simple_seed.py::TestSeedCustomSchema::"
        "test_simple_seed_with_schema",
        "adapter/test_simple_seed/test_simple_seed.py::TestSeedCustomSchema::"
        "test_simple_seed_with_drop_and_schema",
        "adapter/test_store_test_failures.py::TestStoreTestFailures::test__store_and_assert",
        "test_timezones.py::TestTimezones::test_run_started_at",
        f"{_CUSTOM}::test__postgres_handles__custom_schema_with_no_prefix",
    ],
    OWN_MACRO: [
        "adapter/test_clone.py::TestBaseCloneNotPossible::test_can_clone_false",
        "adapter/test_clone.py::TestCloneSameTargetAndState::test_clone_same_target_and_state",
        f"{_CUSTOM}WithCustomMacro::test__postgres_handles__custom_schema_with_custom_macro",
        f"{_CUSTOM}WithCustomMacroFromModelName::test__postgres__custom_schema_from_model_name",
        f"{_CUSTOM}WithPrefix::test__postgres__custom_schema_with_prefix",
        f"{_CUSTOM}WithPrefixAndDispatch::test__postgres__custom_schema_with_prefix_and_dispatch",
    ],
    OF_OTHERS: [
        "test_external_reference.py::TestExternalDependency::test_external_reference",
        f"{_RUNTIME}::test_full_refresh",
        f"{_RUNTIME}::test_delete_dbt_tmp_relation",
        f"{_RUNTIME}WithConfig::test_full_refresh",
        f"{_RUNTIME}WithConfig::test_delete_dbt_tmp_relation",
    ],
    A_PART: ["adapter/test_empty.py::TestEmpty::test_run_with_empty"],
}
BY_DESIGN = {f"tests/functional/{test}": why for why, tests in _TESTS.items() for test in tests}
