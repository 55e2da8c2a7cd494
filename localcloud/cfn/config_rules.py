"""AWS::Config::ConfigRule.

Sources: Template Reference, AWS::Config::ConfigRule (Ref is the name; Arn, ConfigRuleId, Compliance.Type); AWS Config
API Reference, PutConfigRule (NoAvailableConfigurationRecorderException, InsufficientPermissionsException).
"""

from __future__ import annotations

from typing import Any

from ..messaging import config_rules
from .registry import Created, Properties, ResourceType, pick, register


def _attributes(name: str) -> dict[str, Any]:
    from ministack.services import config

    rule = config._config_rules[name]
    return {
        "Arn": rule["ConfigRuleArn"],
        "ConfigRuleId": rule["ConfigRuleId"],
        "Compliance.Type": config._compliance_by_rule(name)["Compliance"]["ComplianceType"],
    }


def _put(name: str, properties: Properties) -> dict[str, Any]:
    from ministack.services import config

    if not config._recorders:
        raise ValueError("There is no available configuration recorder. (NoAvailableConfigurationRecorderException)")
    wanted = pick(
        properties,
        "Description",
        "Scope",
        "Source",
        "InputParameters",
        "MaximumExecutionFrequency",
        "EvaluationModes",
    )
    known = config._config_rules.get(name)
    config._put_config_rule({"ConfigRule": {**wanted, "ConfigRuleName": name}})
    rule = config._config_rules[name]
    if rule["Source"].get("Owner") == "CUSTOM_LAMBDA":
        try:
            config_rules.check(rule)
        except config_rules.NotInvoked as problem:
            if known is None:
                del config._config_rules[name]
            else:
                config._config_rules[name] = known
            raise ValueError(f"{problem} (InsufficientPermissionsException)") from problem
    return _attributes(name)


def _create(logical_id: str, properties: Properties, stack: str) -> Created:
    name = str(properties.get("ConfigRuleName") or f"{stack}-{logical_id}")
    return name, _put(name, properties)


def _update(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    del old
    return _put(name, new)


def _delete(name: str, properties: Properties) -> None:
    from ministack.services import config

    del properties
    config._config_rules.pop(name, None)


def register_types() -> None:
    """Serve the type."""
    register(
        "AWS::Config::ConfigRule",
        ResourceType(_create, _delete, _update, replaced_by=("ConfigRuleName",), tagged=False),
    )
