using System.Globalization;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>
/// Tries a restore out: into a virtual host of its own with a random name, compares every message, and deletes the virtual host again, also after a failure or a cancellation. It touches no other
/// virtual host. Limits that would drop messages there (time to live, maximal length) are left out, so that every message can be compared.
/// </summary>
/// <param name="log">Where log lines go; null for nowhere.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class RestoreDrill(IEngineLog? log = null, TimeProvider? time = null)
{
    /// <summary>For deleting the virtual host, whatever happened before.</summary>
    private static readonly TimeSpan CleanUpTimeout = TimeSpan.FromMinutes(1);

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Tries a backup's restore out.</summary>
    /// <param name="manifest">The backup, with its store.</param>
    /// <param name="options">Where, and how much of it.</param>
    /// <param name="onProgress">Called from any thread, one call at a time.</param>
    /// <param name="cancellationToken">Ends it; the virtual host is deleted all the same.</param>
    /// <returns>What was done, and what was found.</returns>
    /// <exception cref="ArgumentException">The sample is neither a percentage nor a number.</exception>
    /// <exception cref="RabbitBackupException">The target can't be used, or the virtual host could not be deleted again.</exception>
    public async Task<(DrillReport Report, IReadOnlyList<VerificationFinding> Findings)> RunAsync(
        BackupManifest manifest, DrillOptions options, Action<OperationProgress> onProgress, CancellationToken cancellationToken)
    {
        BackupManifest sample = Sample(manifest, options.Sample);
        string scratch = $"rabbitmq-backup-drill-{Guid.NewGuid().ToString("N")[..12]}";
        await BrokerCheck.ConnectAsync(options.Broker, _time, cancellationToken).ConfigureAwait(false);
        using ManagementClient management = new(options.Broker);
        await CheckUserAsync(management, cancellationToken).ConfigureAwait(false);
        try
        {
            await management.CreateVirtualHostAsync(scratch, cancellationToken).ConfigureAwait(false);
            await management.GrantAsync(scratch, options.Broker.Credential.UserName, cancellationToken).ConfigureAwait(false);
            RestoreOptions restore = new()
            {
                Broker = options.Broker,
                Manifest = sample,
                MaxConcurrentQueues = options.MaxConcurrentQueues,
                Expiration = ExpirationHandling.Drop,
                Scratch = scratch,
            };
            return await RunAsync(restore, manifest.Queues.Count - sample.Queues.Count, onProgress, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            using CancellationTokenSource patience = new(CleanUpTimeout, _time);
            await DeleteAsync(management, scratch, patience.Token).ConfigureAwait(false);
        }
    }

    private async Task<(DrillReport Report, IReadOnlyList<VerificationFinding> Findings)> RunAsync(
        RestoreOptions options, int leftOut, Action<OperationProgress> onProgress, CancellationToken cancellationToken)
    {
        RestoreEngine engine = new(log, _time);
        RestorePlan plan = await engine.PlanAsync(options, cancellationToken).ConfigureAwait(false);
        RestoreResult restored = await engine.ExecuteAsync(plan, new Events(onProgress), cancellationToken).ConfigureAwait(false);
        List<VerificationFinding> findings = [];
        List<DrillQueue> queues = [];
        DrillComparison comparison = new(options.Broker, _time);
        for (int i = 0; i < plan.Queues.Count; i++)
        {
            RestorePlanQueue row = plan.Queues[i];
            RestoreQueueResult result = restored.Queues[i];
            onProgress(new OperationProgress { Activity = "Comparing", Current = row.Queue, Messages = queues.Sum(queue => queue.Restored), TotalMessages = restored.Confirmed, Queues = i, TotalQueues = plan.Queues.Count });
            DrillQueue? compared = row.TargetType == QueueTypes.Stream
                ? await CompareStreamAsync(options.Broker, row, result, cancellationToken).ConfigureAwait(false)
                : await comparison.CompareAsync(row, result, cancellationToken).ConfigureAwait(false);
            findings.AddRange(Judge(row, result, compared));
            queues.Add(compared ?? new DrillQueue { VirtualHost = row.VirtualHost, Queue = row.Queue, Expected = row.Messages, Restored = result.Confirmed });
        }

        DrillReport report = new() { Target = options.Broker.DisplayUri, VirtualHost = options.Scratch!, TimeToRestore = restored.Duration, QueuesLeftOut = leftOut, Queues = queues };
        return (report, findings);
    }

    /// <summary>Null where there is nothing to compare with: what went over AMQP 0-9-1, since a stream port was closed then or is now, is another message in the stream.</summary>
    private async Task<DrillQueue?> CompareStreamAsync(BrokerOptions broker, RestorePlanQueue row, RestoreQueueResult result, CancellationToken cancellationToken)
    {
        try
        {
            return StreamRestore.CanRestore(row) && !result.WentOverAmqp ? await new StreamDrillComparison(broker, _time).CompareAsync(row, result, cancellationToken).ConfigureAwait(false) : null;
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.BrokerUnreachable)
        {
            return null;
        }
    }

    private static IEnumerable<VerificationFinding> Judge(RestorePlanQueue row, RestoreQueueResult result, DrillQueue? compared)
    {
        string queue = $"queue {row.VirtualHost}/{row.Queue}";
        if (result.ErrorCode is { } code)
        {
            yield return new VerificationFinding(true, code, "", $"Drill: {queue}: {result.Reason}");
        }

        if (compared is null)
        {
            yield return new VerificationFinding(
                result.Confirmed != row.Messages, "DrillCounted", "", $"Drill: {queue}: {result.Confirmed} of {row.Messages} message(s) of the stream were confirmed; they went over AMQP 0-9-1, and were counted, not compared.");
        }
        else if (compared.Equal < compared.Expected || compared.Restored != compared.Expected)
        {
            yield return new VerificationFinding(true, "DrillDifference", "", $"Drill: {queue}: {compared.Equal} of {compared.Expected} message(s) came back equal, {compared.Restored} were restored.");
        }
        else if (!compared.InOrder)
        {
            // Queues with priorities have an order of their own.
            yield return new VerificationFinding(row.TargetType is QueueTypes.Stream or QueueTypes.Classic && !row.Shape.Arguments.ContainsKey("x-max-priority"), "DrillOrder", "", $"Drill: {queue}: all messages came back equal, in another order.");
        }
    }

    /// <summary>Tells beforehand that the user may not create a virtual host.</summary>
    private static async Task CheckUserAsync(ManagementClient management, CancellationToken cancellationToken)
    {
        ManagementUser user = await management.WhoAmIAsync(cancellationToken).ConfigureAwait(false);
        if (!user.IsAdministrator)
        {
            throw new RabbitBackupException(ErrorCode.BrokerAccessRefused, $"A drill creates a virtual host and deletes it again; user '{user.Name}' may not, since it lacks the tag 'administrator'.")
            {
                Target = user.Name,
                Hint = "Use a user with that tag, best on a cluster for such trials.",
            };
        }
    }

    private static async Task DeleteAsync(ManagementClient management, string scratch, CancellationToken cancellationToken)
    {
        try
        {
            await management.DeleteVirtualHostAsync(scratch, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            throw new RabbitBackupException(ErrorCode.ManagementApiUnavailable, $"The virtual host '{scratch}' of the drill could not be deleted: {exception.Message}", exception)
            {
                Target = scratch,
                Hint = $"Delete it: rabbitmqctl delete_vhost {scratch}",
            };
        }
    }

    /// <summary>The manifest with a part of its queues. Queues without messages are no sample of anything.</summary>
    internal static BackupManifest Sample(BackupManifest manifest, string? sample)
    {
        if (sample is null)
        {
            return manifest;
        }

        QueueEntry[] filled = [.. manifest.Queues.Where(queue => queue.Messages > 0)];
        bool isPercent = sample.EndsWith('%');
        if (!double.TryParse(sample.AsSpan(0, sample.Length - (isPercent ? 1 : 0)), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            || value <= 0 || (isPercent ? value > 100 : value != Math.Floor(value)))
        {
            throw new ArgumentException($"A sample is a percentage of the queues such as 10%, or their number such as 5; not '{sample}'.", nameof(sample));
        }

        int count = (int)Math.Min(filled.Length, Math.Ceiling(isPercent ? filled.Length * value / 100 : value));
        Random.Shared.Shuffle(filled);
        HashSet<QueueEntry> drawn = [.. filled.Take(count)];
        return manifest with { Queues = [.. manifest.Queues.Where(drawn.Contains)] };
    }

    private sealed class Events(Action<OperationProgress> onProgress) : IRestoreEvents
    {
        public void OnProgress(OperationProgress progress) => onProgress(progress with { Activity = "Restoring for the drill" });

        public void OnFailure(RabbitBackupException failure)
        {
            // Each is in the result, and becomes a finding.
        }
    }
}
