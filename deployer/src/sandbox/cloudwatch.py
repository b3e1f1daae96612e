"""MiniStack with the parts of CloudWatch that 1.5.33 lacks, so that alarms mean in the sandbox what they mean in AWS.

| MiniStack 1.5.33 | here |
| --- | --- |
| alarms look at every metric of the name, whatever its dimensions | at the metric with exactly their dimensions |
| one number over the whole time; no data changes nothing | M of N periods, and `TreatMissingData`, as documented |
| evaluated when somebody puts data | also whenever somebody asks CloudWatch anything |
| metric filters are kept and never applied | applied to what is logged; a runtime's report in text counts as `platform.report` |
| queues have no metrics | visible messages and the age of the oldest, when CloudWatch is asked |
| a function that runs on has used no memory | what its process had at most |
| CloudFormation knows no composite alarm | makes, updates and deletes them, by the same calls as the API |

Periods end now and not at full minutes, so that nobody waits for one to end. Metric math stays unknown.
"""

import json
import pathlib
import re
import time

from ministack.app import main
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc, sqs
from ministack.services.cloudformation import provisioners

COMPARE = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


# --- alarms

# When the state of an alarm was set by hand, by its ARN: it stays for one period, as long as AWS takes to look again.
BY_HAND = {}


def values(alarm, now):
    """What the alarm's metric was in each of its N periods, newest first; None without data."""
    period, periods = int(alarm.get("Period") or 60), int(alarm.get("EvaluationPeriods") or 1)
    dimensions = cloudwatch._dims_key({one["Name"]: one["Value"] for one in alarm.get("Dimensions") or []})
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    buckets = [[] for _ in range(periods)]
    for point in points:
        age = int((now - point["Timestamp"]) // period)
        if 0 <= age < periods:
            buckets[age].append(point)
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    read = lambda bucket: cloudwatch._stat_value(cloudwatch._calc_stats(bucket), statistic, bucket)
    return [read(bucket) if bucket else None for bucket in buckets]


def state(alarm, found):
    """The state that follows from these values."""
    breach = COMPARE.get(alarm.get("ComparisonOperator"))
    if breach is None:
        return alarm["StateValue"]
    needed = int(alarm.get("DatapointsToAlarm") or len(found))
    treat = alarm.get("TreatMissingData") or "missing"
    there = [value for value in found if value is not None]
    missing = len(found) - len(there)
    breaching = sum(breach(value, alarm["Threshold"]) for value in there)
    if not there:
        none = {"breaching": "ALARM", "notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}
        return none.get(treat, alarm["StateValue"])
    if breaching + (missing if treat == "breaching" else 0) >= needed:
        return "ALARM"
    if treat in ("missing", "ignore") and breaching == len(there):
        return "ALARM" if treat == "missing" else alarm["StateValue"]
    return "OK"


def evaluate(alarm):
    if not alarm.get("Namespace") or not alarm.get("MetricName"):
        return
    if time.time() - BY_HAND.get(alarm["AlarmArn"], 0) < int(alarm.get("Period") or 60):
        return
    found = values(alarm, time.time())
    old, new = alarm["StateValue"], state(alarm, found)
    if old == new:
        return
    shown = ", ".join("none" if value is None else f"{value:g}" for value in found)
    reason = f"Threshold Crossed: datapoints [{shown}], {alarm['ComparisonOperator']} {alarm['Threshold']:g}"
    alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def set_by_hand(*arguments, answer=cloudwatch._set_alarm_state):
    before = {alarm["AlarmArn"]: alarm["StateValue"] for alarm in cloudwatch._alarms.values()}
    result = answer(*arguments)
    for alarm in cloudwatch._alarms.values():
        if before.get(alarm["AlarmArn"]) != alarm["StateValue"]:
            BY_HAND[alarm["AlarmArn"]] = time.time()
    return result


async def asked(*arguments, answer=cloudwatch.handle_request, **named):
    """Whoever asks CloudWatch sees how things are now."""
    for url, queue in list(sqs._queues.items()):
        sqs._refresh_counts(queue)
        dimensions = {"QueueName": url.rsplit("/", 1)[-1]}
        waiting = [message for message in queue["messages"] if message["visible_at"] <= time.time()]
        since = min((message.get("sent_at", time.time()) for message in waiting), default=time.time())
        cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", len(waiting), "Count", dimensions)
        cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", time.time() - since, "Seconds", dimensions)
    cloudwatch._evaluate_all_alarms()
    return await answer(*arguments, **named)


# --- metric filters


def record(message):
    """A line of a log as JSON: itself, or what the runtime's report would be where logs are JSON. None for other text."""
    if message.startswith("REPORT RequestId:"):
        number = lambda name: float((re.search(name + r": ([\d.]+)", message) or [0, "0"])[1])
        metrics = {"durationMs": number("\tDuration"), "billedDurationMs": number("Billed Duration"),
                   "memorySizeMB": number("Memory Size"), "maxMemoryUsedMB": number("Max Memory Used")}
        started = re.search(r"Init Duration: ([\d.]+)", message)
        if started:
            metrics["initDurationMs"] = float(started[1])
        return {"type": "platform.report", "record": {"metrics": metrics}}
    try:
        found = json.loads(message)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def at(found, path):
    for key in path.removeprefix("$.").split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def holds(condition, found):
    """One comparison of a JSON pattern, such as `$.type = "platform.report"`."""
    path, operator, wanted = re.fullmatch(r"\s*(\$[\w.]+)\s*(!=|>=|<=|=|>|<|NOT EXISTS|EXISTS)\s*(.*?)\s*", condition).groups()
    value = at(found, path)
    if "EXISTS" in operator:
        return (value is None) == (operator == "NOT EXISTS")
    if value is None:
        return False
    if operator in ("=", "!="):
        return (str(value) == wanted.strip('"')) == (operator == "=")
    number, limit = float(value), float(wanted)
    return {">": number > limit, ">=": number >= limit, "<": number < limit, "<=": number <= limit}[operator]


def matches(pattern, message, found):
    """Whether a line matches: JSON conditions joined by && or ||, or terms, of which `?a` are alternatives."""
    pattern = pattern.strip()
    if pattern.startswith("{"):
        either = pattern.strip("{} ").split("||")
        return found is not None and any(all(holds(one, found) for one in all_of.split("&&")) for all_of in either)
    terms = re.findall(r'([?-]?)(?:"([^"]*)"|(\S+))', pattern)
    texts = [(sign, quoted or plain) for sign, quoted, plain in terms]
    options = [text in message for sign, text in texts if sign == "?"]
    needed = all((text in message) == (sign != "-") for sign, text in texts if sign != "?")
    return needed and (any(options) or not options)


def logged(group, stream, events, go_on=cloudwatch_logs._fanout_to_subscription_filters):
    for kept in list(cloudwatch_logs._metric_filters.values()):
        if kept["logGroupName"] != group:
            continue
        lines = [(event.get("message", ""), record(event.get("message", ""))) for event in events]
        hits = [(message, found) for message, found in lines if matches(kept["filterPattern"], message, found)]
        for to in kept["metricTransformations"]:
            value = str(to.get("metricValue", "1"))
            counted = [at(found, value) if value.startswith("$") else value for _, found in hits]
            counted = [float(one) for one in counted if one is not None]
            if not counted and to.get("defaultValue") is not None:
                counted = [float(to["defaultValue"])]
            for one in counted:
                cloudwatch.record_metric(to["metricNamespace"], to["metricName"], one, to.get("unit") or "None", {})
    return go_on(group, stream, events)


# --- memory


def memory(function, otherwise=lambda_svc._probe_peak_memory_mb):
    """What a function's processes have used at most (MB), as the kernel tells."""
    name = (function.get("config") or function).get("FunctionName", "")
    most = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"AWS_LAMBDA_FUNCTION_NAME={name}".encode() in (process / "environ").read_bytes().split(b"\0"):
                peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
                most = max(most, int(peak[1]) // 1024 if peak else 0)
        except OSError:
            pass  # Not ours, or gone.
    return most or otherwise(function)


# --- composite alarms in templates


def put(logical_id, properties, stack):
    name = properties.get("AlarmName") or f"{stack}-{logical_id}"
    answer = cloudwatch._put_composite_alarm({}, {**properties, "AlarmName": name}, False, True)
    if answer[0] >= 300:
        raise ValueError(json.loads(answer[2]).get("message", "the composite alarm was refused"))
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}


def delete(name, _properties):
    cloudwatch._composite_alarms.pop(name, None)


def update(name, _old, properties, stack, logical_id=None):
    made = put(logical_id or name, properties, stack)
    if made[0] != name:
        delete(name, properties)
    return made


cloudwatch._evaluate_alarm = evaluate
cloudwatch._set_alarm_state = set_by_hand
lambda_svc._probe_peak_memory_mb = memory
cloudwatch.handle_request = asked
cloudwatch_logs._fanout_to_subscription_filters = logged
provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::CompositeAlarm"] = {
    "create": put, "update": update, "update_with_logical_id": True, "delete": delete,
}
main()
