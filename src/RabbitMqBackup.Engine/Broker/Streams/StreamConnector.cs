using System.Net;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Finds the node that a stream is to be read from or written to. Nodes advertise a host and port that may be out of reach (containers, load balancers), so the endpoint
/// that was given is tried first and again, as a balancer leads to another node each time; only then the advertised address itself.
/// </summary>
/// <param name="options">Endpoint, credentials, TLS, time-outs.</param>
/// <param name="clock">Time.</param>
internal sealed class StreamConnector(BrokerOptions options, TimeProvider clock)
{
    /// <summary>Tries through the given endpoint for each node: with three nodes in turn or at random, nine miss one with a probability of 3 %.</summary>
    private const int TriesPerNode = 3;

    /// <summary>The endpoint in force: the one given, or the first AMQP host with the stream protocol's default port.</summary>
    internal DnsEndPoint Endpoint => options.StreamEndpoint ?? new DnsEndPoint(options.Endpoints[0].Host, options.Tls is null ? 5552 : 5551);

    /// <summary>Connects to whatever node answers: enough to create, to delete and to ask.</summary>
    internal Task<StreamConnection> ConnectAsync(string virtualHost, CancellationToken cancellationToken) =>
        StreamConnection.OpenAsync(options, Endpoint, virtualHost, clock, cancellationToken);

    /// <summary>Connects to a node that fits.</summary>
    /// <param name="virtualHost">The stream's virtual host.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="access">For what.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RabbitBackupException">QueueNotFound; or BrokerUnreachable, where no way leads to a node that fits. Otherwise as <see cref="StreamConnection.OpenAsync"/>.</exception>
    internal async Task<StreamConnection> ConnectAsync(string virtualHost, string stream, StreamAccess access, CancellationToken cancellationToken)
    {
        StreamMetadata? metadata = null;
        int tries = 1;
        for (int i = 0; i < tries; i++)
        {
            (StreamConnection? found, metadata) = await TryAsync(Endpoint, virtualHost, stream, access, lastTry: i > 0 && i == tries - 1, cancellationToken).ConfigureAwait(false);
            if (found is not null)
            {
                return found;
            }

            tries = TriesPerNode * (metadata.Replicas.Count + 1);
        }

        foreach (StreamNode node in Preferred(metadata!, access))
        {
            try
            {
                (StreamConnection? found, _) = await TryAsync(new DnsEndPoint(node.Host, node.Port), virtualHost, stream, access, lastTry: true, cancellationToken).ConfigureAwait(false);
                if (found is not null)
                {
                    return found;
                }
            }
            catch (RabbitBackupException e) when (e.Code is ErrorCode.BrokerUnreachable)
            {
                // An advertised address that can't be reached from here is the very case this class is for: try the next.
            }
        }

        throw new RabbitBackupException(
            ErrorCode.BrokerUnreachable,
            $"No connection led to a node that {(access is StreamAccess.Write ? "leads" : "holds")} the stream '{stream}': neither {Endpoint.Host}:{Endpoint.Port} "
                + $"nor the advertised {string.Join(", ", Preferred(metadata!, access))}.")
        {
            Target = stream,
            IsTransient = true,
            Hint = "Set stream.advertised_host and stream.advertised_port on the nodes, or give the stream endpoint of the right node (-StreamUri).",
        };
    }

    /// <summary>Connects and looks whether it is the right node.</summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="access">For what.</param>
    /// <param name="lastTry">For reading: do with the leader. Before, another try may meet a replica.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<(StreamConnection? Found, StreamMetadata Metadata)> TryAsync(
        DnsEndPoint endpoint, string virtualHost, string stream, StreamAccess access, bool lastTry, CancellationToken cancellationToken)
    {
        StreamConnection connection = await StreamConnection.OpenAsync(options, endpoint, virtualHost, clock, cancellationToken).ConfigureAwait(false);
        bool keep = false;
        try
        {
            StreamMetadata metadata = await connection.MetadataAsync(stream, cancellationToken).ConfigureAwait(false);
            if (metadata.Code is not StreamResponseCode.Ok)
            {
                throw StreamErrors.Refused(metadata.Code, access is StreamAccess.Write ? "open for writing the stream" : "open for reading the stream", stream);
            }

            keep = Fits(connection.Advertised, metadata, access, lastTry);
            return (keep ? connection : null, metadata);
        }
        finally
        {
            if (!keep)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>A node that does not say who it is can only be taken at its word.</summary>
    private static bool Fits(StreamNode? node, StreamMetadata metadata, StreamAccess access, bool lastTry)
    {
        if (node is not { } known)
        {
            return true;
        }

        bool leads = metadata.Leader == known;
        return access is StreamAccess.Write
            ? leads
            : metadata.Replicas.Contains(known) || (leads && (lastTry || metadata.Replicas.Count == 0));
    }

    private static IEnumerable<StreamNode> Preferred(StreamMetadata metadata, StreamAccess access)
    {
        StreamNode[] leader = metadata.Leader is { } node ? [node] : [];
        return access is StreamAccess.Write ? leader : metadata.Replicas.Concat(leader);
    }
}
