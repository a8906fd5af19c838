namespace RabbitMqBackup.Engine.Broker;

/// <summary>Takes the messages of a queue as they are read. All calls come from the connection's read loop, one at a time.</summary>
internal interface IDeliverySink
{
    /// <summary>Takes one message; whatever it wants to keep it copies. It must not block: waiting is for <see cref="OnPauseAsync"/>.</summary>
    void OnDelivery(in Delivery delivery);

    /// <summary>
    /// Called after each batch of bytes from the socket. As long as it waits nothing more is read, so that the broker is held back by TCP; heartbeats go on.
    /// </summary>
    /// <param name="cancellationToken">Cancelled when the read is to stop, for whatever reason.</param>
    ValueTask OnPauseAsync(CancellationToken cancellationToken);
}
