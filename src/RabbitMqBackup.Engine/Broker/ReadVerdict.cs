namespace RabbitMqBackup.Engine.Broker;

/// <summary>How safe it is to read a queue without taking its messages.</summary>
public enum ReadVerdict
{
    /// <summary>It is left as it was.</summary>
    Safe,

    /// <summary>Nothing is lost, but something can be seen: the reasons say what.</summary>
    Caution,

    /// <summary>A message could be lost or distorted: it is not read unless forced.</summary>
    Unsafe,
}
