namespace RabbitMqBackup.Engine.Restore;

/// <summary>Which time of a message a time window is about.</summary>
public enum TimeBasis
{
    /// <summary>When the backup captured it; for streams when the broker stored it.</summary>
    CapturedAt,

    /// <summary>The property <c>timestamp</c> that its publisher set, in whole seconds. A message without one is in no window.</summary>
    MessageTimestamp,
}
