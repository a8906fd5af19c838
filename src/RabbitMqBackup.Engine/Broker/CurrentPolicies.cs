namespace RabbitMqBackup.Engine.Broker;

/// <summary>The policies as they are now. What the management API tells about a queue is some seconds old, also which policy is in force: a limit or a delayed retry set in these seconds would be missed.</summary>
internal sealed class CurrentPolicies(ManagementClient management, TimeProvider time) : IDisposable
{
    /// <summary>One listing serves all queues that are begun in this time.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private EffectivePolicy? _policies;
    private long _listedAt;

    /// <summary>The queue with the policies that are to be in force; of its delivery limit the smaller of what the queue says and what these say.</summary>
    /// <exception cref="RabbitBackupException">The policies can't be listed, for another reason than that this user may not: then the queue is as it was told.</exception>
    internal async Task<QueueInfo> ApplyAsync(QueueInfo queue, Version broker, CancellationToken cancellationToken)
    {
        EffectivePolicy policies;
        try
        {
            policies = await ListAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.BrokerAccessRefused)
        {
            return queue;
        }

        QueueInfo now = queue with { EffectivePolicy = policies.For(queue) };
        long? told = DeliveryLimit.Of(now, broker).Value;
        long? due = DeliveryLimit.Of(now with { DeliveryLimit = null }, broker).Value;
        return due < (told ?? long.MaxValue) ? now with { DeliveryLimit = null } : now;
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async Task<EffectivePolicy> ListAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_policies is null || time.GetElapsedTime(_listedAt) >= Fresh)
            {
                _listedAt = time.GetTimestamp();
                _policies = await management.GetPoliciesAsync(cancellationToken).ConfigureAwait(false);
            }

            return _policies;
        }
        finally
        {
            _gate.Release();
        }
    }
}
