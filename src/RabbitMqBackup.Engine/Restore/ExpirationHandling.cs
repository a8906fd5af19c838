namespace RabbitMqBackup.Engine.Restore;

/// <summary>What becomes of the property <c>expiration</c>, the time to live that a message has for itself.</summary>
public enum ExpirationHandling
{
    /// <summary>Stays as it was: the time to live starts anew.</summary>
    Keep,

    /// <summary>Is left out: the messages live on until somebody takes them.</summary>
    Drop,

    /// <summary>Less the time since the message was captured. One whose time is over is left out and counted.</summary>
    Remaining,
}
