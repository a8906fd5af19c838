namespace RabbitMqBackup.Engine.Restore;

/// <summary>A message that the target did not take.</summary>
/// <param name="Ordinal">Its number among the queue's messages in the backup, from 0; null where the broker gave it back without saying which.</param>
/// <param name="MessageId">Its <c>message-id</c>, or empty.</param>
/// <param name="Reason">Why, in the broker's words where it gave some.</param>
public sealed record RejectedMessage(long? Ordinal, string MessageId, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => string.Join(" ", new[] { Ordinal is null ? "" : $"#{Ordinal}", MessageId, Reason }.Where(part => part.Length > 0));
}
