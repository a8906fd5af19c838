namespace RabbitMqBackup.Engine.Catalog;

/// <summary>What a lease on a backup is held for.</summary>
internal enum LeasePurpose
{
    /// <summary>The backup is being made. Nobody else may hold it.</summary>
    Backup,

    /// <summary>The backup is being copied into this store. Nobody else may hold it.</summary>
    CopyTarget,

    /// <summary>The backup is being removed. Nobody else may hold it.</summary>
    Removal,

    /// <summary>The backup is being restored. Shared with other readers.</summary>
    Restore,

    /// <summary>The backup is being copied to another store. Shared with other readers.</summary>
    CopySource,

    /// <summary>An incremental backup goes on from it. Shared with other readers.</summary>
    Base,
}
