namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>Reply codes of connection.close and channel.close (AMQP 0-9-1, 1.2) that mean something to this client.</summary>
internal static class ReplyCode
{
    internal const ushort Success = 200;
    internal const ushort ContentTooLarge = 311;
    internal const ushort NoRoute = 312;
    internal const ushort ConnectionForced = 320;
    internal const ushort AccessRefused = 403;
    internal const ushort NotFound = 404;
    internal const ushort ResourceLocked = 405;
    internal const ushort PreconditionFailed = 406;
    internal const ushort FrameError = 501;
    internal const ushort SyntaxError = 502;
    internal const ushort ResourceError = 506;
    internal const ushort NotAllowed = 530;
    internal const ushort NotImplemented = 540;
    internal const ushort InternalError = 541;
}
