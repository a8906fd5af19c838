using System.Management.Automation;
using RabbitMqBackup.Cmdlets.Completion;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Lists the backups of a store, oldest first.</summary>
[Cmdlet(VerbsCommon.Get, "RabbitBackup")]
[OutputType(typeof(BackupManifest))]
public sealed class GetRabbitBackupCommand : AsyncCmdlet
{
    /// <summary>Where they lie: a folder, a URI, or an object from New-RabbitBackupStore. Default: RABBITMQ_BACKUP_STORE.</summary>
    [Parameter(Position = 0)]
    [StoreTransformation]
    [ValidateNotNull]
    public BackupStore? Store { get; set; }

    /// <summary>Ids, with the wildcards * and ?. Default: all.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] BackupId { get; set; } = [];

    /// <summary>Only backups that began at this time or later.</summary>
    [Parameter]
    public DateTimeOffset? After { get; set; }

    /// <summary>Only backups that began before this time.</summary>
    [Parameter]
    public DateTimeOffset? Before { get; set; }

    /// <summary>Only the newest of those that match.</summary>
    [Parameter]
    public SwitchParameter Latest { get; set; }

    /// <summary>Also backups without a manifest: running, or ended before their end.</summary>
    [Parameter]
    public SwitchParameter IncludeIncomplete { get; set; }

    /// <inheritdoc/>
    protected override void End()
    {
        BackupStore store = StoreLocation.OrDefault(Store, SessionState.Path);
        BackupQuery query = new() { BackupIds = BackupId, After = After, Before = Before, LatestOnly = Latest, IncludeIncomplete = IncludeIncomplete };
        RunEach(token => StoredBackups.ListAsync(store, query, PostError, token), WriteObject);
    }
}
