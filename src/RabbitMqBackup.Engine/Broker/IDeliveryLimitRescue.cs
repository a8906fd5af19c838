namespace RabbitMqBackup.Engine.Broker;

/// <summary>Keeps messages at their queue's delivery limit alive when they have to be given back.</summary>
internal interface IDeliveryLimitRescue
{
    /// <summary>How long one step of it may take, at most.</summary>
    TimeSpan Patience { get; }

    /// <summary>Raises the limit above a count, and waits until that is in force. Null where it could not be; it does not throw for a broker that refuses.</summary>
    Task<RaisedLimit?> RaiseAsync(long highestCount, CancellationToken cancellationToken);

    /// <summary>The limit as the policies are at this moment; null for none, or where the broker does not say.</summary>
    Task<long?> LimitNowAsync(CancellationToken cancellationToken);

    /// <summary>The property list with which a message is published again.</summary>
    ReadOnlyMemory<byte> PropertiesOfCopy(EndangeredMessage message);
}
