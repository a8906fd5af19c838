namespace RabbitMqBackup.Engine.Catalog;

/// <summary>What is to become of a backup.</summary>
public enum RemovalDecision
{
    /// <summary>It stays.</summary>
    Keep,

    /// <summary>It is removed.</summary>
    Remove,

    /// <summary>It was asked to be removed, and is not.</summary>
    Refuse,
}
