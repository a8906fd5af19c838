using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Takes a restore back: removes what it created and nothing else. Messages go only with queues that it created; what it appended to a queue that was there stays. A queue that consumers use, or that
/// has more messages than the restore put there, stays unless forced.
/// </summary>
/// <param name="log">Where log lines go; null for nowhere.</param>
public sealed class RestoreUndo(IEngineLog? log = null)
{
    private readonly IEngineLog _log = log ?? LogMessages.Silent.Instance;

    /// <summary>Looks at the record and the target, and decides. Changes nothing.</summary>
    /// <param name="broker">The cluster that was restored to.</param>
    /// <param name="restoreId">The restore.</param>
    /// <param name="folder">Where its record lies; null for the default.</param>
    /// <param name="force">Also queues with consumers or further messages, and definitions that were changed since.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RabbitBackupException">There is no record, the target is another cluster, or the management API can't be used.</exception>
    public async Task<RestoreUndoPlan> PlanAsync(BrokerOptions broker, string restoreId, string? folder, bool force, CancellationToken cancellationToken)
    {
        RestoreRecord record = RestoreRecord.Read(folder, restoreId);
        using ManagementClient management = new(broker);
        ClusterOverview overview = await management.GetOverviewAsync(cancellationToken).ConfigureAwait(false);
        if (overview.ClusterName != record.Cluster)
        {
            throw new RabbitBackupException(ErrorCode.RestoreConflict, $"The restore '{restoreId}' was made to the cluster '{record.Cluster}', and {broker.DisplayUri} is '{overview.ClusterName}'.")
            {
                Target = broker.DisplayUri,
                Hint = "Give the connection to the cluster that was restored to.",
            };
        }

        List<RestoreUndoItem> items = [];
        await using BrokerConnections connections = new(broker);
        foreach (RestoreRecordQueue queue in record.Queues)
        {
            items.Add(await JudgeAsync(connections, management, queue, force, cancellationToken).ConfigureAwait(false));
        }

        UndoPlan? definitions = null;
        if (record.Import is { } import)
        {
            ImportReport report = ImportReportFile.Read(System.Text.Encoding.UTF8.GetBytes(import), $"record of {restoreId}");
            // Virtual hosts are judged here, since the queues in them are.
            report = report with { Items = [.. report.Items.Where(item => item.Kind != DefinitionKind.VirtualHost)] };
            definitions = await new DefinitionsImporter(_log).PlanUndoAsync(broker, report, force, null, cancellationToken).ConfigureAwait(false);
            items.AddRange(definitions.Items.Select(item => Item(item)));
        }

        IEnumerable<string> hosts = record.VirtualHosts.Concat(ImportedHosts(record)).Distinct(StringComparer.Ordinal);
        foreach (string host in hosts)
        {
            items.Add(await JudgeHostAsync(management, host, items, cancellationToken).ConfigureAwait(false));
        }

        return new RestoreUndoPlan { RestoreId = restoreId, Broker = broker, Items = items, Definitions = definitions };
    }

    /// <summary>Does what the plan says, and tells of each object what became of it. The record goes when nothing of the restore is left.</summary>
    /// <exception cref="RabbitBackupException">The management API failed for good.</exception>
    public async Task<IReadOnlyList<RestoreUndoItem>> ExecuteAsync(RestoreUndoPlan plan, string? folder, CancellationToken cancellationToken)
    {
        using ManagementClient management = new(plan.Broker);
        List<RestoreUndoItem> done = [];
        foreach (RestoreUndoItem queue in plan.Items.Where(item => item.Kind == "queue"))
        {
            done.Add(await RemoveAsync(management, queue, ["queues", queue.VirtualHost, queue.Name], cancellationToken).ConfigureAwait(false));
        }

        if (plan.Definitions is { } definitions)
        {
            ImportReport report = await new DefinitionsImporter(_log).UndoAsync(definitions, null, cancellationToken).ConfigureAwait(false);
            done.AddRange(report.Items.Select(item => Item(item)));
        }

        foreach (RestoreUndoItem host in plan.Items.Where(item => item.Kind == "virtual host"))
        {
            done.Add(await RemoveAsync(management, host, ["vhosts", host.Name], cancellationToken).ConfigureAwait(false));
        }

        if (done.TrueForAll(item => item.IsRemoved))
        {
            RestoreRecord.Delete(folder, plan.RestoreId);
        }

        return done;
    }

    private static async Task<RestoreUndoItem> JudgeAsync(BrokerConnections connections, ManagementClient management, RestoreRecordQueue queue, bool force, CancellationToken cancellationToken)
    {
        RestoreUndoItem item = new() { Kind = "queue", VirtualHost = queue.VirtualHost, Name = queue.Name, IsRemoved = true };
        QueueName name = new(queue.VirtualHost, queue.Name);
        if (await management.GetQueueAsync(name, cancellationToken).ConfigureAwait(false) is not { } there)
        {
            return item with { Reason = "it is not there any more" };
        }

        if (!force && await RestoreClaims.IsClaimedAsync(management, name, cancellationToken).ConfigureAwait(false))
        {
            return item with { IsRemoved = false, Reason = "a restore fills it at this moment; -Force removes it all the same" };
        }

        // The API's counts are some seconds old; a passive declare is exact, but for streams, and knows nothing of what consumers hold.
        QueueDepth now = there.Type == QueueTypes.Stream ? default : await connections.GetDepthAsync(there, cancellationToken).ConfigureAwait(false);
        long messages = Math.Max(now.Messages, there.Messages + there.Unacknowledged), consumers = Math.Max(now.Consumers, there.Consumers);
        string reason = consumers > 0 ? $"it has {consumers} consumer(s)"
            : messages > queue.Messages ? $"it has {messages} message(s), and the restore put {queue.Messages} there at most"
            : "";
        return item with { Messages = messages, IsRemoved = force || reason.Length == 0, Reason = force || reason.Length == 0 ? "" : $"{reason}; -Force removes it all the same" };
    }

    /// <summary>A virtual host goes only with nothing of others in it.</summary>
    private static async Task<RestoreUndoItem> JudgeHostAsync(ManagementClient management, string host, IReadOnlyList<RestoreUndoItem> items, CancellationToken cancellationToken)
    {
        RestoreUndoItem item = new() { Kind = "virtual host", Name = host, IsRemoved = true };
        IReadOnlyList<string> there = await management.ListVirtualHostsAsync(cancellationToken).ConfigureAwait(false);
        if (!there.Contains(host))
        {
            return item with { Reason = "it is not there any more" };
        }

        HashSet<string> going = [.. items.Where(queue => queue.Kind == "queue" && queue.IsRemoved && queue.VirtualHost == host).Select(queue => queue.Name)];
        await foreach (QueueInfo queue in management.ListQueuesAsync(host, cancellationToken).ConfigureAwait(false))
        {
            if (!going.Contains(queue.Name))
            {
                return item with { IsRemoved = false, Reason = $"it has the queue '{queue.Name}', which stays" };
            }
        }

        return item;
    }

    private static async Task<RestoreUndoItem> RemoveAsync(ManagementClient management, RestoreUndoItem item, string[] path, CancellationToken cancellationToken)
    {
        if (!item.IsRemoved)
        {
            return item;
        }

        try
        {
            await management.DeleteAsync(path, "", cancellationToken).ConfigureAwait(false);
            return item;
        }
        catch (RabbitBackupException exception) when (exception.Code is ErrorCode.DefinitionInvalid or ErrorCode.BrokerAccessRefused)
        {
            return item with { IsRemoved = false, Reason = exception.Message };
        }
    }

    private static RestoreUndoItem Item(ImportItem item) => new()
    {
        Kind = item.Kind.ToString().ToLowerInvariant(),
        VirtualHost = item.Definition.VirtualHost ?? "",
        Name = item.Definition.Name,
        IsRemoved = item.Outcome is ImportOutcome.Removed or ImportOutcome.Equal,
        Reason = item.Reason,
    };

    private static IEnumerable<string> ImportedHosts(RestoreRecord record) => record.Import is not { } import ? []
        : ImportReportFile.Read(System.Text.Encoding.UTF8.GetBytes(import), $"record of {record.RestoreId}").Items.Where(item => item.Kind == DefinitionKind.VirtualHost).Select(item => item.Definition.Name);
}
