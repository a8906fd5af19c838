using System.Collections;
using System.Management.Automation;
using System.Runtime.CompilerServices;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes ids of the backups in the store that the command line names.</summary>
internal sealed class BackupIdCompleter : TimedCompleter
{
    /// <inheritdoc/>
    private protected override (string Source, Func<CancellationToken, IAsyncEnumerable<string>> List)? Find(IDictionary parameters)
    {
        object? given = parameters["Store"] is PSObject wrapped ? wrapped.BaseObject : parameters["Store"];
        BackupStore store = given as BackupStore ?? FromText(given?.ToString());
        return (store.DisplayUri, token => ListAsync(store, token));
    }

    private static BackupStore FromText(string? text)
    {
        // A completer is given no session state; the runspace that it runs in has one.
        using PowerShell shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        PathIntrinsics paths = shell.AddScript("$ExecutionContext.SessionState.Path").Invoke<PathIntrinsics>().Single();
        return text is null ? StoreLocation.OrDefault(null, paths) : StoreLocation.Parse(text, paths);
    }

    private static async IAsyncEnumerable<string> ListAsync(BackupStore store, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (BackupManifest manifest in StoredBackups.ListAsync(store, new BackupQuery(), _ => { }, cancellationToken).ConfigureAwait(false))
        {
            yield return manifest.BackupId;
        }
    }
}
