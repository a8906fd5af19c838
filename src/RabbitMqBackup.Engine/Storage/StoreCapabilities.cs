namespace RabbitMqBackup.Engine.Storage;

/// <summary>What a store can do beyond the minimum.</summary>
[Flags]
public enum StoreCapabilities
{
    /// <summary>Nothing beyond the minimum.</summary>
    None = 0,

    /// <summary>Create-only puts hold under races.</summary>
    CreateOnly = 1,

    /// <summary>Puts and deletes can be bound to a version.</summary>
    IfVersion = 2,

    /// <summary>What is put with <see cref="PutOptions.Retain"/> is locked: what changes as a run goes on is better kept elsewhere.</summary>
    Retains = 4,
}
