namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>What both sides know after the handshake.</summary>
/// <param name="Features">What the broker can do.</param>
/// <param name="FrameMax">Largest size field of a frame that the broker takes; 0 for no limit.</param>
/// <param name="Advertised">How the node that answered wants to be reached, or null where it does not say.</param>
internal sealed record StreamAgreement(StreamServerFeatures Features, uint FrameMax, StreamNode? Advertised);
