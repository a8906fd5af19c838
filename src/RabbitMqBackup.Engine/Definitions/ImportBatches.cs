using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// Sends definitions in pieces, in an order in which each finds what it needs. So a request stays short however big the cluster is, and where the broker refuses a piece its objects go one by
/// one: one bad object does not take others with it. Sending something again changes nothing.
/// </summary>
internal sealed class ImportBatches(ManagementClient management, IEngineLog log, IProgress<OperationProgress>? progress, string targetVersion)
{
    private const int BatchSize = 500;

    // A queue takes a broker longer than anything else, a replicated one most; so a request stays far below the time-out.
    private const int QueueBatchSize = 100;

    // With the pauses between them half a minute: a node that is restarted is back by then.
    private const int Attempts = 6;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    private readonly Dictionary<DefinitionKey, string> _refusals = [];

    // 3.11 brought default types of virtual hosts; before, the argument would become a visible part of a queue that had none.
    private readonly bool _namesQueueType = ManagementJson.ParseVersion(targetVersion) >= new Version(3, 11);
    private long _done;
    private long _total;

    /// <summary>Sends everything. Returns what the broker refused, with its reason.</summary>
    /// <exception cref="RabbitBackupException">The management API failed for good.</exception>
    internal async Task<IReadOnlyDictionary<DefinitionKey, string>> SendAsync(IReadOnlyList<DefinitionObject> objects, CancellationToken cancellationToken)
    {
        _total = objects.Count;
        foreach (IGrouping<int, DefinitionObject> step in objects.GroupBy(Step).OrderBy(group => group.Key))
        {
            foreach (DefinitionObject[] batch in step.Chunk(step.First() is QueueDefinition ? QueueBatchSize : BatchSize))
            {
                await SendBatchAsync(batch, cancellationToken).ConfigureAwait(false);
                _done += batch.Length;
                progress?.Report(new() { Activity = DefinitionsImporter.Activity, Unit = DefinitionsImporter.Unit, Current = DefinitionSchema.Of(batch[0].Kind).Section, Messages = _done, TotalMessages = _total });
                log.Write(LogLevel.Debug, LogMessages.DefinitionsSent(_done, _total));
            }
        }

        return _refusals;
    }

    // A virtual host's limit on queues comes after its queues, or it would keep them out.
    private static int Step(DefinitionObject item) => item is ParameterDefinition { Component: "vhost-limits" } ? int.MaxValue : (int)item.Kind;

    private async Task SendBatchAsync(IReadOnlyList<DefinitionObject> batch, CancellationToken cancellationToken)
    {
        if (await PostAsync(batch, Attempts, cancellationToken).ConfigureAwait(false) is null)
        {
            return;
        }

        foreach (DefinitionObject item in batch)
        {
            if (await PostAsync([item], 1, cancellationToken).ConfigureAwait(false) is { } refusal)
            {
                _refusals[item.Key] = refusal;
            }
        }
    }

    /// <summary>Null when the broker took it, or why it did not.</summary>
    private async Task<string?> PostAsync(IReadOnlyList<DefinitionObject> batch, int attempts, CancellationToken cancellationToken)
    {
        byte[] json = DefinitionsDocument.FromObjects(batch.Select(item => item.ForBroker(_namesQueueType))).ToJson();
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await management.ImportDefinitionsAsync(json, null, cancellationToken).ConfigureAwait(false);
                return null;
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.DefinitionInvalid or ErrorCode.DefinitionConflict)
            {
                return exception.Message;
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.ManagementApiUnavailable)
            {
                if (exception.IsTransient && attempt < attempts)
                {
                    log.Write(LogLevel.Information, LogMessages.DefinitionsRetried(attempt, exception.Message));
                    await Task.Delay(FirstPause * Math.Pow(2, attempt - 1), cancellationToken).ConfigureAwait(false);
                    continue;
                }

                // A server error can come from the content too: where the API answers otherwise, it did. Where it does not answer, this throws.
                await management.GetOverviewAsync(cancellationToken).ConfigureAwait(false);
                return exception.Message;
            }
        }
    }
}
