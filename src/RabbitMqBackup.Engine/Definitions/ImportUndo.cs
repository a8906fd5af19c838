using System.Text.Json;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Takes an import back by its plan: deletes what it created, imports what it changed from the snapshot.</summary>
internal sealed class ImportUndo(UndoPlan plan, ManagementClient management, IEngineLog log, IProgress<OperationProgress>? progress) : IAsyncDisposable
{
    internal const string Activity = "Undoing an import";
    internal const string HostStays = "its virtual host stays";

    // The number of messages in a stream is right after 0.8 to 4.9 s (measured); the broker's own if-empty does not look at streams.
    private static readonly TimeSpan StreamCountDelay = TimeSpan.FromSeconds(6);

    // With the waits between them some 10 s; a node that starts has a virtual host's queues sooner.
    private const int AttemptsAtStopped = 5;

    // A node that is restarted is waited for, as in an import; deleting what is gone already is no error.
    private readonly RetryPolicy _retry = new(new() { MaxAttempts = 8, FirstDelay = TimeSpan.FromSeconds(1) }, new CircuitBreaker(ErrorCode.ManagementApiUnavailable, management.DisplayUri, TimeProvider.System), TimeProvider.System);
    private readonly Dictionary<DefinitionKey, string> _refusals = [];
    private readonly HashSet<string> _stopped = [];
    private readonly BrokerConnections _connections = new(plan.Broker);
    private readonly HashSet<DefinitionKey> _removals = [.. plan.Items.Where(item => item.Outcome is ImportOutcome.Removed).Select(item => item.Definition.Key)];

    /// <summary>Why a queue must stay, or null.</summary>
    internal static string? Objection(long messages, int consumers) =>
        messages > 0 ? $"it is not empty: {messages} message(s)" : consumers > 0 ? $"it has {consumers} consumer(s)" : null;

    internal async Task<ImportReport> RunAsync(CancellationToken cancellationToken)
    {
        List<DefinitionObject> removals = [.. plan.Items.Where(item => item.Outcome is ImportOutcome.Removed).Select(item => item.Definition)];
        List<DefinitionObject> changes = [.. plan.Items.Where(item => item.Outcome is ImportOutcome.Changed).Select(item => item.Definition)];
        if (removals.Exists(item => item is QueueDefinition { Type: QueueTypes.Stream }))
        {
            await Task.Delay(StreamCountDelay, cancellationToken).ConfigureAwait(false);
        }

        long done = 0;
        foreach (DefinitionObject item in removals)
        {
            await _retry.RunAsync(attempt => DeleteAsync(item, attempt, cancellationToken), cancellationToken).ConfigureAwait(false);
            progress?.Report(new() { Activity = Activity, Unit = DefinitionsImporter.Unit, Current = DefinitionSchema.Of(item.Kind).Section, Messages = ++done, TotalMessages = removals.Count + changes.Count });
        }

        // The API deletes all topic permissions of a user in a virtual host at once; those that were there before come back with this.
        IEnumerable<DefinitionObject> rights = removals.OfType<TopicPermissionDefinition>()
            .SelectMany(gone => plan.Report.Snapshot.TopicPermissions.Where(right => right.VirtualHost == gone.VirtualHost && right.User == gone.User));
        IReadOnlyDictionary<DefinitionKey, string> refusals = await new ImportBatches(management, log, progress, plan.Report.Snapshot.RabbitMqVersion)
            .SendAsync([.. changes.Concat(rights).DistinctBy(item => item.Key)], cancellationToken).ConfigureAwait(false);
        DefinitionsDocument now = await DefinitionsExporter.ExportAsync(management, cancellationToken, waits: true).ConfigureAwait(false);
        Dictionary<DefinitionKey, DefinitionObject> after = DefinitionsComparison.Index(now.Objects);
        return plan.Report with { Items = [.. plan.Items.Select(item => Judge(item, refusals, after))], Changes = [], Warnings = [] };
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connections.DisposeAsync();

    private ImportItem Judge(ImportItem item, IReadOnlyDictionary<DefinitionKey, string> refusals, Dictionary<DefinitionKey, DefinitionObject> after)
    {
        DefinitionKey key = item.Definition.Key;
        switch (item.Outcome)
        {
            case ImportOutcome.Removed when after.ContainsKey(key):
                string left = item.Kind == DefinitionKind.Binding ? "its queue stays" : "it is still there";
                return item with { Outcome = ImportOutcome.Failed, Reason = _refusals.GetValueOrDefault(key) ?? left };
            case ImportOutcome.Changed when !after.TryGetValue(key, out DefinitionObject? there) || ImportForecast.Describe(there, item.Definition).Length > 0:
                return item with { Outcome = ImportOutcome.Failed, Reason = refusals.GetValueOrDefault(key) ?? "it is not as it was before the import" };
            default:
                return item;
        }
    }

    private async Task DeleteAsync(DefinitionObject item, int attempt, CancellationToken cancellationToken)
    {
        // The bindings of a queue go with it, and where it stays, it keeps them.
        if (item is BindingDefinition { DestinationType: "queue" } binding && _removals.Contains(new(DefinitionKind.Queue, item.VirtualHost, binding.Destination)))
        {
            return;
        }

        try
        {
            if (await ObjectionAsync(item, cancellationToken).ConfigureAwait(false) is { } objection)
            {
                _refusals[item.Key] = objection;
                return;
            }

            foreach ((IReadOnlyList<string> path, string query) in await PathsAsync(item, cancellationToken).ConfigureAwait(false))
            {
                await management.DeleteAsync(path, query, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RabbitBackupException exception) when (!exception.IsTransient && exception.Code is not (ErrorCode.ManagementApiUnavailable or ErrorCode.BrokerAuthenticationFailed))
        {
            if (item is QueueDefinition { Type: QueueTypes.Classic } queue && exception.Code == ErrorCode.DefinitionInvalid && await IsStoppedAsync(queue, attempt, cancellationToken).ConfigureAwait(false))
            {
                throw new RabbitBackupException(exception.Code, exception.Message, exception) { Target = exception.Target, IsTransient = true };
            }

            _refusals[item.Key] = exception.Message;
        }
    }

    /// <summary>
    /// True where a classic queue is to be asked again: of one whose process is dead, as while a node goes down or comes up, the broker says that it is not empty. A passive declare would wait for that
    /// process; the API tells, some seconds late, what is in it. Where one of a virtual host was waited for in vain, no other is.
    /// </summary>
    private async Task<bool> IsStoppedAsync(QueueDefinition queue, int attempt, CancellationToken cancellationToken)
    {
        QueueName name = new(queue.VirtualHost ?? "", queue.Name);
        if (_stopped.Contains(name.VirtualHost)
            || (await management.GetQueueAsync(name, cancellationToken).ConfigureAwait(false) is { } told && Objection(told.Messages + told.Unacknowledged, told.Consumers) is not null))
        {
            return false;
        }

        return attempt < AttemptsAtStopped || !_stopped.Add(name.VirtualHost);
    }

    /// <summary>Why an object is not to be deleted, or null. Classic queues the broker itself checks, with the delete.</summary>
    private async Task<string?> ObjectionAsync(DefinitionObject item, CancellationToken cancellationToken)
    {
        switch (item)
        {
            case VirtualHostDefinition host:
                string? first = await FirstQueueAsync(host.Name, cancellationToken).ConfigureAwait(false);
                return first is null ? null : $"it has queues, e.g. '{first}'";
            case PermissionDefinition when _refusals.ContainsKey(new(DefinitionKind.VirtualHost, item.VirtualHost, item.VirtualHost ?? "")):
                return HostStays;
            case QueueDefinition { Type: not QueueTypes.Classic } queue:
                return await ContentAsync(queue, cancellationToken).ConfigureAwait(false);
            default:
                return null;
        }
    }

    /// <summary>What is in a queue whose type knows no conditional delete; null when it is empty, unused or gone.</summary>
    private async Task<string?> ContentAsync(QueueDefinition queue, CancellationToken cancellationToken)
    {
        QueueName name = new(queue.VirtualHost ?? "", queue.Name);
        if (await management.GetQueueAsync(name, cancellationToken).ConfigureAwait(false) is not { } told)
        {
            return null;
        }

        QueueDepth depth = await _connections.GetDepthAsync(told, cancellationToken).ConfigureAwait(false);
        return Objection(Math.Max(depth.Messages, told.Messages + told.Unacknowledged), depth.Consumers);
    }

    private async Task<string?> FirstQueueAsync(string virtualHost, CancellationToken cancellationToken)
    {
        if (!await management.MayListQueuesAsync(virtualHost, cancellationToken).ConfigureAwait(false))
        {
            // Without a permission there nobody can tell what would be lost.
            return (await management.ListVirtualHostsAsync(cancellationToken).ConfigureAwait(false)).Contains(virtualHost) ? "(not visible to this user)" : null;
        }

        await foreach (QueueInfo queue in management.ListQueuesAsync(virtualHost, cancellationToken).ConfigureAwait(false))
        {
            return queue.Name;
        }

        return null;
    }

    /// <summary>Where the API has the object; several for what it keeps apart.</summary>
    private async Task<IReadOnlyList<(IReadOnlyList<string> Path, string Query)>> PathsAsync(DefinitionObject item, CancellationToken cancellationToken)
    {
        string host = item.VirtualHost ?? "";
        return item switch
        {
            VirtualHostDefinition => [(["vhosts", item.Name], "")],
            UserDefinition => [(["users", item.Name], "")],
            PermissionDefinition => [(["permissions", host, item.Name], "")],
            TopicPermissionDefinition => [(["topic-permissions", host, item.Name], "")],
            ParameterDefinition { Component: "operator_policy" } => [(["operator-policies", host, item.Name], "")],
            ParameterDefinition parameter => [(["parameters", parameter.Component, host, item.Name], "")],
            GlobalParameterDefinition => [(["global-parameters", item.Name], "")],
            PolicyDefinition => [(["policies", host, item.Name], "")],
            ExchangeDefinition => [(["exchanges", host, item.Name], "?if-unused=true")],
            QueueDefinition queue => [(["queues", host, item.Name], queue.Type == QueueTypes.Classic ? "?if-empty=true&if-unused=true" : "")],
            BindingDefinition binding => await BindingPathsAsync(binding, host, cancellationToken).ConfigureAwait(false),
            _ => [],
        };
    }

    private async Task<IReadOnlyList<(IReadOnlyList<string> Path, string Query)>> BindingPathsAsync(BindingDefinition binding, string host, CancellationToken cancellationToken)
    {
        bool toQueue = binding.DestinationType == "queue";
        IReadOnlyList<JsonElement> there = await management.ListBindingsAsync(host, binding.Source, toQueue, binding.Destination, cancellationToken).ConfigureAwait(false);
        return
        [
            .. there.Where(item => new BindingDefinition(item).Key == binding.Key)
                .Select(item => ((IReadOnlyList<string>)["bindings", host, "e", binding.Source, toQueue ? "q" : "e", binding.Destination, item.Text("properties_key") ?? ""], "")),
        ];
    }
}
