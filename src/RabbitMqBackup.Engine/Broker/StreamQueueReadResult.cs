namespace RabbitMqBackup.Engine.Broker;

/// <summary>What a reading of a stream over AMQP 0-9-1 has seen.</summary>
/// <param name="FirstOffset">Of the first message, or null.</param>
/// <param name="LastOffset">Of the last message, or null.</param>
/// <param name="Messages">Messages handed on.</param>
/// <param name="Missing">Offsets between the first and the last one of which no message came.</param>
/// <param name="Depth">Offsets that the broker counted in the stream before the reading; it may be some seconds late.</param>
internal sealed record StreamQueueReadResult(long? FirstOffset, long? LastOffset, long Messages, long Missing, long Depth);
