namespace RabbitMqBackup.Engine.Broker;

/// <summary>Reads one queue over a connection of its own without acknowledging anything, and gives everything back.</summary>
internal sealed class QueueReader(BrokerOptions options, TimeProvider time)
{
    /// <summary>
    /// Hands up to the queue's depth at the start to the sink, in order, then gives all of it back, also after a failure, a cancellation or trouble with the sink, whose
    /// exception it passes on.
    /// </summary>
    /// <exception cref="RabbitBackupException">The broker can't be reached or refuses, or the queue is missing, in use or gone while it is read.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; everything was given back.</exception>
    internal Task<QueueReadResult> ReadAsync(QueueReadRequest request, IDeliverySink sink, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{options} {time} {request} {sink} {cancellationToken}");
}
