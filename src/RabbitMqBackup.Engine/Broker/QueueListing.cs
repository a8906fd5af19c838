namespace RabbitMqBackup.Engine.Broker;

/// <summary>The queues of a cluster, with the verdict of the pre-flight check.</summary>
public static class QueueListing
{
    /// <summary>Lists the selected queues. A name without wildcards that matches nothing ends the listing with an error after the queues that were found.</summary>
    /// <exception cref="RabbitBackupException">The management API can't be used, or a queue that was named is not there.</exception>
    public static IAsyncEnumerable<QueueInfo> ListAsync(BrokerOptions broker, QueueSelection selection, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException($"{broker} {selection} {cancellationToken}");

    /// <summary>The same over a client that the caller has, with what the pre-flight check is to take into account.</summary>
    internal static IAsyncEnumerable<QueueInfo> ListAsync(ManagementClient management, QueueSelection selection, ReadSafetyOptions options, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{management} {selection} {options} {cancellationToken}");
}
