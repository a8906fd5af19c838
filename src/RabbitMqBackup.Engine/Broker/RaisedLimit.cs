namespace RabbitMqBackup.Engine.Broker;

/// <summary>A delivery limit that was raised by a policy of ours.</summary>
/// <param name="Policy">Name of the policy.</param>
/// <param name="Limit">The limit in force now; null for none.</param>
/// <param name="IsNew">It was raised now. Else an earlier backup had done so, which the management API had not yet told when the queues were listed: its lists are some seconds old.</param>
internal sealed record RaisedLimit(string Policy, long? Limit, bool IsNew);
