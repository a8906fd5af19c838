namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Encodes what a client sends; each method appends one frame. The grammar of the fields is in <see cref="FrameWriter"/>; a request carries its correlation id before its content.</summary>
internal static class StreamRequests
{
    /// <summary><code>PeerProperties (17) = map</code></summary>
    internal static void PeerProperties(FrameWriter w, uint id, IReadOnlyCollection<KeyValuePair<string, string>> properties)
    {
        w.BeginRequest(StreamCommand.PeerProperties, id);
        w.Map(properties);
        w.End();
    }

    /// <summary><code>SaslHandshake (18) = </code> nothing</summary>
    internal static void SaslHandshake(FrameWriter w, uint id)
    {
        w.BeginRequest(StreamCommand.SaslHandshake, id);
        w.End();
    }

    /// <summary><code>SaslAuthenticate (19) = mechanism:string response:bytes</code></summary>
    internal static void SaslAuthenticate(FrameWriter w, uint id, string mechanism, ReadOnlySpan<byte> response)
    {
        w.BeginRequest(StreamCommand.SaslAuthenticate, id);
        w.String(mechanism);
        w.Bytes(response);
        w.End();
    }

    /// <summary><code>Tune (20) = frame-max:u32 heartbeat:u32</code> in seconds; the same key as the broker's, and no correlation id.</summary>
    internal static void Tune(FrameWriter w, uint frameMax, uint heartbeat)
    {
        w.Begin(StreamCommand.Tune);
        w.UInt32(frameMax);
        w.UInt32(heartbeat);
        w.End();
    }

    /// <summary><code>Open (21) = virtual-host:string</code></summary>
    internal static void Open(FrameWriter w, uint id, string virtualHost)
    {
        w.BeginRequest(StreamCommand.Open, id);
        w.String(virtualHost);
        w.End();
    }

    /// <summary><code>Close (22) = code:u16 reason:string</code></summary>
    internal static void Close(FrameWriter w, uint id)
    {
        w.BeginRequest(StreamCommand.Close, id);
        w.UInt16((ushort)StreamResponseCode.Ok);
        w.String("done");
        w.End();
    }

    /// <summary><code>Close response = code:u16</code></summary>
    internal static void CloseResponse(FrameWriter w, uint id)
    {
        w.BeginResponse(StreamCommand.Close, id);
        w.UInt16((ushort)StreamResponseCode.Ok);
        w.End();
    }

    /// <summary><code>Heartbeat (23) = </code> nothing, and no correlation id.</summary>
    internal static void Heartbeat(FrameWriter w)
    {
        w.Begin(StreamCommand.Heartbeat);
        w.End();
    }

    /// <summary><code>ExchangeCommandVersions (27) = count:u32 (key:u16 lowest:u16 highest:u16)*</code> Deliver 1-2 and Publish 1-2 are declared. A broker that does not know the command closes the connection.</summary>
    internal static void ExchangeCommandVersions(FrameWriter w, uint id)
    {
        w.BeginRequest(StreamCommand.ExchangeCommandVersions, id);
        w.UInt32(2);
        foreach (StreamCommand command in (ReadOnlySpan<StreamCommand>)[StreamCommand.Publish, StreamCommand.Deliver])
        {
            w.UInt16((ushort)command);
            w.UInt16(1);
            w.UInt16(2);
        }

        w.End();
    }

    /// <summary><code>Metadata (15) = count:u32 stream:string</code></summary>
    internal static void Metadata(FrameWriter w, uint id, string stream)
    {
        w.BeginRequest(StreamCommand.Metadata, id);
        w.UInt32(1);
        w.String(stream);
        w.End();
    }

    /// <summary><code>StreamStats (28) = stream:string</code></summary>
    internal static void StreamStats(FrameWriter w, uint id, string stream)
    {
        w.BeginRequest(StreamCommand.StreamStats, id);
        w.String(stream);
        w.End();
    }

    /// <summary><code>CreateStream (13) = stream:string arguments:map</code> Argument names are those of the queue arguments without <c>x-</c>.</summary>
    internal static void CreateStream(FrameWriter w, uint id, string stream, IReadOnlyCollection<KeyValuePair<string, string>> arguments)
    {
        w.BeginRequest(StreamCommand.CreateStream, id);
        w.String(stream);
        w.Map(arguments);
        w.End();
    }

    /// <summary><code>DeleteStream (14) = stream:string</code></summary>
    internal static void DeleteStream(FrameWriter w, uint id, string stream)
    {
        w.BeginRequest(StreamCommand.DeleteStream, id);
        w.String(stream);
        w.End();
    }

    /// <summary><code>StoreOffset (10) = reference:string stream:string offset:u64</code> There is no answer.</summary>
    internal static void StoreOffset(FrameWriter w, string reference, string stream, ulong offset)
    {
        w.Begin(StreamCommand.StoreOffset);
        w.String(reference);
        w.String(stream);
        w.UInt64(offset);
        w.End();
    }

    /// <summary><code>QueryOffset (11) = reference:string stream:string</code></summary>
    internal static void QueryOffset(FrameWriter w, uint id, string reference, string stream)
    {
        w.BeginRequest(StreamCommand.QueryOffset, id);
        w.String(reference);
        w.String(stream);
        w.End();
    }

    /// <summary><code>QueryPublisherSequence (5) = reference:string stream:string</code></summary>
    internal static void QueryPublisherSequence(FrameWriter w, uint id, string reference, string stream)
    {
        w.BeginRequest(StreamCommand.QueryPublisherSequence, id);
        w.String(reference);
        w.String(stream);
        w.End();
    }

    /// <summary><code>DeclarePublisher (1) = publisher:u8 reference:string stream:string</code> Without a name the reference is empty; null would close the connection.</summary>
    internal static void DeclarePublisher(FrameWriter w, uint id, byte publisher, string reference, string stream)
    {
        w.BeginRequest(StreamCommand.DeclarePublisher, id);
        w.Byte(publisher);
        w.String(reference);
        w.String(stream);
        w.End();
    }

    /// <summary><code>DeletePublisher (6) = publisher:u8</code></summary>
    internal static void DeletePublisher(FrameWriter w, uint id, byte publisher)
    {
        w.BeginRequest(StreamCommand.DeletePublisher, id);
        w.Byte(publisher);
        w.End();
    }

    /// <summary><code>Subscribe (7) = subscription:u8 stream:string start credit:u16 [properties:map]</code>, see <see cref="StreamStart"/>.</summary>
    internal static void Subscribe(
        FrameWriter w, uint id, byte subscription, string stream, StreamStart start, ushort credit, IReadOnlyCollection<KeyValuePair<string, string>> properties)
    {
        w.BeginRequest(StreamCommand.Subscribe, id);
        w.Byte(subscription);
        w.String(stream);
        start.Write(w);
        w.UInt16(credit);
        if (properties.Count > 0)
        {
            w.Map(properties);
        }

        w.End();
    }

    /// <summary><code>Credit (9) = subscription:u8 credit:u16</code> There is an answer only if something is wrong, and without correlation id.</summary>
    internal static void Credit(FrameWriter w, byte subscription, ushort credit)
    {
        w.Begin(StreamCommand.Credit);
        w.Byte(subscription);
        w.UInt16(credit);
        w.End();
    }

    /// <summary><code>Unsubscribe (12) = subscription:u8</code></summary>
    internal static void Unsubscribe(FrameWriter w, uint id, byte subscription)
    {
        w.BeginRequest(StreamCommand.Unsubscribe, id);
        w.Byte(subscription);
        w.End();
    }
}
