using System.Net;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// An open connection to a broker's stream listener. Requests may come from any thread; each waits at most <see cref="BrokerOptions.RequestTimeout"/>.
/// Commands that the broker's version does not know are never sent, since it would close the connection. Disposing closes it in order, in bounded time.
/// </summary>
internal sealed class StreamConnection : IAsyncDisposable
{
    private readonly StreamTransport _transport;
    private readonly StreamAgreement _agreement;

    private StreamConnection(StreamTransport transport, StreamAgreement agreement, string virtualHost) =>
        (_transport, _agreement, VirtualHost) = (transport, agreement, virtualHost);

    /// <summary>The virtual host it is in.</summary>
    internal string VirtualHost { get; }

    /// <summary>What the broker can do.</summary>
    internal StreamServerFeatures Features => _agreement.Features;

    /// <summary>Largest size field of a frame that the broker takes; 0 for no limit.</summary>
    internal uint FrameMax => _agreement.FrameMax;

    /// <summary>How the node that answered wants to be reached, or null where it does not say.</summary>
    internal StreamNode? Advertised => _agreement.Advertised;

    /// <summary>The endpoint, for errors.</summary>
    internal string Target => _transport.Target;

    /// <summary>Takes what the broker sends unasked: one subscription or publisher per connection.</summary>
    internal IStreamListener? Listener
    {
        get => _transport.Listener;
        set => _transport.Listener = value;
    }

    /// <summary>Connects, authenticates and enters a virtual host, within <see cref="BrokerOptions.ConnectTimeout"/>.</summary>
    /// <param name="options">Credentials, TLS, time-outs.</param>
    /// <param name="endpoint">The listener.</param>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="clock">Time; null for the system's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RabbitBackupException">BrokerUnreachable, BrokerAuthenticationFailed, BrokerAccessRefused, BrokerConnectionLost.</exception>
    internal static async Task<StreamConnection> OpenAsync(
        BrokerOptions options, DnsEndPoint endpoint, string virtualHost, TimeProvider? clock = null, CancellationToken cancellationToken = default)
    {
        clock ??= TimeProvider.System;
        string target = $"{endpoint.Host}:{endpoint.Port}";
        using CancellationTokenSource timeout = new(options.ConnectTimeout, clock);
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        StreamTransport? transport = null;
        try
        {
            Stream stream = await StreamSocket.ConnectAsync(endpoint, options.Tls, linked.Token).ConfigureAwait(false);
            transport = new StreamTransport(stream, target, options.RequestTimeout, clock);
            StreamAgreement agreement = await StreamHandshake.RunAsync(transport, options, virtualHost, linked.Token).ConfigureAwait(false);
            return new StreamConnection(transport, agreement, virtualHost);
        }
        catch (Exception e)
        {
            if (transport is not null)
            {
                // Nothing is owed to a peer that did not get as far as to be one: no good-bye, which would wait for an answer.
                transport.Fail(e);
                await transport.DisposeAsync().ConfigureAwait(false);
            }

            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                throw new RabbitBackupException(ErrorCode.BrokerUnreachable, $"{target} did not complete a stream connection within {options.ConnectTimeout.TotalSeconds:0} s.", e)
                {
                    Target = target,
                    IsTransient = true,
                    Hint = "Check that the port is the stream listener's, and whether TLS is expected there.",
                };
            }

            throw;
        }
    }

    /// <summary>Where a stream lives; an absent stream is told by the code.</summary>
    internal async Task<StreamMetadata> MetadataAsync(string stream, CancellationToken cancellationToken)
    {
        byte[] content = await _transport.RequestAsync((w, id) => StreamRequests.Metadata(w, id, stream), cancellationToken).ConfigureAwait(false);
        FrameReader reader = new(content);
        return StreamMetadata.Read(ref reader, stream);
    }

    /// <summary>First and last chunk, or null where the broker is too old to be asked.</summary>
    internal async Task<StreamStats?> StatsAsync(string stream, CancellationToken cancellationToken)
    {
        if (!Features.HasCommandVersions)
        {
            return null;
        }

        byte[] content = await AskAsync((w, id) => StreamRequests.StreamStats(w, id, stream), "tell the extent of the stream", stream, cancellationToken).ConfigureAwait(false);
        FrameReader reader = AfterCode(content);
        return StreamStats.Read(ref reader);
    }

    /// <summary>Creates a stream.</summary>
    /// <param name="stream">Its name.</param>
    /// <param name="arguments">Queue arguments without <c>x-</c> and as text: <c>max-length-bytes</c>, <c>max-age</c>, <c>stream-max-segment-size-bytes</c>, <c>initial-cluster-size</c>, <c>queue-leader-locator</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal Task CreateStreamAsync(string stream, IReadOnlyCollection<KeyValuePair<string, string>> arguments, CancellationToken cancellationToken) =>
        AskAsync((w, id) => StreamRequests.CreateStream(w, id, stream, arguments), "create the stream", stream, cancellationToken);

    /// <summary>Deletes a stream and all its messages.</summary>
    internal Task DeleteStreamAsync(string stream, CancellationToken cancellationToken) =>
        AskAsync((w, id) => StreamRequests.DeleteStream(w, id, stream), "delete the stream", stream, cancellationToken);

    /// <summary>Stores a consumer's offset. The broker does not answer: <see cref="QueryOffsetAsync"/> tells whether it is there.</summary>
    internal ValueTask StoreOffsetAsync(string reference, string stream, ulong offset, CancellationToken cancellationToken) =>
        _transport.SendAsync(w => StreamRequests.StoreOffset(w, reference, stream, offset), cancellationToken);

    /// <summary>The offset stored under a name, or null.</summary>
    internal async Task<ulong?> QueryOffsetAsync(string reference, string stream, CancellationToken cancellationToken)
    {
        byte[] content = await _transport.RequestAsync((w, id) => StreamRequests.QueryOffset(w, id, reference, stream), cancellationToken).ConfigureAwait(false);
        FrameReader reader = new(content);
        return reader.Code() switch
        {
            StreamResponseCode.Ok => reader.UInt64(),
            StreamResponseCode.NoOffset => null,
            StreamResponseCode code => throw StreamErrors.Refused(code, $"tell the offset '{reference}' of", stream),
        };
    }

    /// <summary>The highest publishing id stored for a named publisher; 0 also where there is none, which is why ids begin at 1.</summary>
    internal async Task<ulong> QueryPublisherSequenceAsync(string reference, string stream, CancellationToken cancellationToken)
    {
        byte[] content = await AskAsync((w, id) => StreamRequests.QueryPublisherSequence(w, id, reference, stream), "tell a publisher's sequence in", stream, cancellationToken)
            .ConfigureAwait(false);
        return AfterCode(content).UInt64();
    }

    /// <summary>Begins a subscription; chunks go to <see cref="Listener"/>.</summary>
    /// <param name="subscription">Its number.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="credit">Chunks the broker may send before it is allowed more.</param>
    /// <param name="properties">As <c>chunk_selector</c>, or <c>filter.0</c> and <c>match-unfiltered</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal Task SubscribeAsync(
        byte subscription, string stream, StreamStart start, ushort credit, IReadOnlyCollection<KeyValuePair<string, string>> properties, CancellationToken cancellationToken) =>
        AskAsync((w, id) => StreamRequests.Subscribe(w, id, subscription, stream, start, credit, properties), "read the stream", stream, cancellationToken);

    /// <summary>Allows the broker more chunks.</summary>
    internal ValueTask CreditAsync(byte subscription, ushort credit, CancellationToken cancellationToken) =>
        _transport.SendAsync(w => StreamRequests.Credit(w, subscription, credit), cancellationToken);

    /// <summary>Ends a subscription; chunks under way still come before this completes.</summary>
    internal Task UnsubscribeAsync(byte subscription, string stream, CancellationToken cancellationToken) =>
        AskAsync((w, id) => StreamRequests.Unsubscribe(w, id, subscription), "end the reading of", stream, cancellationToken);

    /// <summary>Names a publisher.</summary>
    internal Task DeclarePublisherAsync(byte publisher, string reference, string stream, CancellationToken cancellationToken) =>
        AskAsync((w, id) => StreamRequests.DeclarePublisher(w, id, publisher, reference, stream), "take messages for the stream", stream, cancellationToken);

    /// <summary>Gives up a publisher.</summary>
    internal Task DeletePublisherAsync(byte publisher, string stream, CancellationToken cancellationToken) =>
        AskAsync((w, id) => StreamRequests.DeletePublisher(w, id, publisher), "end the publisher of", stream, cancellationToken);

    /// <summary>Sends encoded frames that have no answer.</summary>
    internal ValueTask SendAsync(ReadOnlyMemory<byte> frames, CancellationToken cancellationToken) => _transport.SendAsync(frames, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _transport.DisposeAsync();

    private async Task<byte[]> AskAsync(Action<FrameWriter, uint> encode, string action, string target, CancellationToken cancellationToken)
    {
        byte[] content = await _transport.RequestAsync(encode, cancellationToken).ConfigureAwait(false);
        StreamResponseCode code = new FrameReader(content).Code();
        return code is StreamResponseCode.Ok ? content : throw StreamErrors.Refused(code, action, target);
    }

    private static FrameReader AfterCode(byte[] content)
    {
        FrameReader reader = new(content);
        reader.Code();
        return reader;
    }
}
