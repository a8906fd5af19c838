namespace RabbitMqBackup.Engine.Broker;

/// <summary>A delivery limit that was raised by a policy of ours.</summary>
/// <param name="Policy">Name of the policy.</param>
/// <param name="Limit">The limit in force now; null for none.</param>
internal sealed record RaisedLimit(string Policy, long? Limit);
