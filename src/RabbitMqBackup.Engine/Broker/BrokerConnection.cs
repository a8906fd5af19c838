namespace RabbitMqBackup.Engine.Broker;

/// <summary>The control side of one virtual host over AMQP: connection test, passive declares, declares.</summary>
internal sealed class BrokerConnection : IAsyncDisposable
{
    internal static Task<BrokerConnection> OpenAsync(BrokerOptions options, string? virtualHost, CancellationToken cancellationToken) => throw new NotSupportedException($"{options} {virtualHost} {cancellationToken}");

    /// <summary>Ready messages and consumers by passive declare: exact at once for classic and quorum queues.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.QueueNotFound"/>, <see cref="ErrorCode.QueueInUse"/> (exclusive to another connection), <see cref="ErrorCode.BrokerAccessRefused"/>.</exception>
    internal Task<QueueDepth> GetDepthAsync(string queue, CancellationToken cancellationToken) => throw new NotSupportedException($"{queue} {cancellationToken}");

    /// <summary>Declares a queue. True when it was created, false when an equal one was there.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionConflict"/> when one with other properties is there.</exception>
    internal Task<bool> DeclareAsync(QueueDeclaration declaration, CancellationToken cancellationToken) => throw new NotSupportedException($"{declaration} {cancellationToken}");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>A passive declare's answer.</summary>
/// <param name="Messages">Ready messages.</param>
/// <param name="Consumers">Consumers.</param>
internal readonly record struct QueueDepth(long Messages, int Consumers);
