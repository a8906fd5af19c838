using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>What runs on the nodes that hold a quorum queue.</summary>
internal sealed partial class ManagementClient
{
    /// <summary>
    /// For each member of a quorum queue the version of its state machine, as <c>rabbitmq-queues quorum_status</c> shows it; null for one that gives no answer. Empty where the API does not tell (before 3.13, a name that
    /// it can't address, a queue that has gone).
    /// </summary>
    internal async Task<IReadOnlyList<long?>> GetMachineVersionsAsync(QueueName queue, CancellationToken cancellationToken)
    {
        if (IsDots(queue.Name) || IsDots(queue.VirtualHost))
        {
            return [];
        }

        try
        {
            string path = $"/api/queues/quorum/{Segment(queue.VirtualHost)}/{Segment(queue.Name)}/status";
            using JsonDocument? json = await GetAsync(path, MaxPageBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
            return [.. (json?.RootElement.Items() ?? []).Select(member => member.Integer("Machine Version"))];
        }
        catch (RabbitBackupException exception) when (exception is { Code: ErrorCode.ManagementApiUnavailable, InnerException: null })
        {
            // The API's own answer (503) where the members can't be asked.
            return [];
        }
    }

    /// <summary>Whether a feature flag is enabled, of which every user of the API may know.</summary>
    internal async Task<bool> IsFeatureEnabledAsync(string name, CancellationToken cancellationToken)
    {
        using JsonDocument? json = await GetAsync("/api/feature-flags", MaxListBytes, UserTag.Management, cancellationToken).ConfigureAwait(false);
        return (json?.RootElement.Items() ?? []).Any(flag => flag.Text("name") == name && flag.Text("state") == "enabled");
    }
}
