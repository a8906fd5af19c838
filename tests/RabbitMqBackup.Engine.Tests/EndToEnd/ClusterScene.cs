using System.Collections.Concurrent;
using System.Net;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using RabbitMqBackup.Engine.Tests.EndToEnd.Streams;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>Clusters of three nodes that a class of tests has for itself, one of each generation.</summary>
public sealed class OwnTestClusters : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<TestCluster>>> _clusters = new();

    /// <summary>A virtual host on the cluster of a generation; the test is skipped where there is none.</summary>
    internal async Task<ClusterScene> SceneAsync(string generation)
    {
        try
        {
            ClusterScene scene = await ClusterScene.OnAsync(await ClusterAsync(generation));
            if (await scene.MakesStreamsAsync())
            {
                return scene;
            }

            // 4.0.5 can be left without a stream coordinator for good when two nodes are killed: what comes after would fail for that.
            await scene.DisposeAsync();
            await (await ClusterAsync(generation)).DisposeAsync();
            _clusters.TryRemove(generation, out _);
            return await ClusterScene.OnAsync(await ClusterAsync(generation));
        }
        catch (TestServerUnavailableException exception)
        {
            Assert.Skip(exception.Message);
            throw;
        }
    }

    private Task<TestCluster> ClusterAsync(string generation) => _clusters.GetOrAdd(generation, _ => new(() => Task.Run(() => TestCluster.StartAsync(generation)))).Value;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Lazy<Task<TestCluster>> cluster in _clusters.Values.Where(cluster => cluster.Value.IsCompletedSuccessfully))
        {
            await (await cluster.Value).DisposeAsync();
        }
    }
}

/// <summary>A virtual host on a cluster, and the engine against it, connected to the first node. At its end nodes that were killed are started again.</summary>
internal sealed class ClusterScene : IAsyncDisposable
{
    private ClusterScene(TestCluster cluster, TestVirtualHost host) => (Cluster, Streams) = (cluster, StreamBed.Over(host));

    internal TestCluster Cluster { get; }

    internal StreamBed Streams { get; }

    internal EngineHarness Harness => Streams.Harness;

    /// <summary>Of the node that the engine is connected to, and the two others.</summary>
    internal OwnTestBroker Connected => Cluster.Nodes[0];

    /// <inheritdoc cref="Connected"/>
    internal OwnTestBroker Second => Cluster.Nodes[1];

    /// <inheritdoc cref="Connected"/>
    internal OwnTestBroker Third => Cluster.Nodes[2];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    internal static async Task<ClusterScene> OnAsync(TestCluster cluster)
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); ; await Task.Delay(1000, Cancel))
        {
            try
            {
                return new(cluster, await TestVirtualHost.CreateAsync(cluster.Nodes[0]));
            }
            catch (HttpRequestException exception) when (exception.StatusCode >= HttpStatusCode.InternalServerError && DateTime.UtcNow < deadline)
            {
                // 3.10 makes none as long as a node that was just started is not ready for it.
            }
        }
    }

    /// <summary>The same cluster through other nodes: AMQP over all of them in turn, the rest over the last.</summary>
    internal BrokerOptions Through(params OwnTestBroker[] nodes) => Harness.Broker with
    {
        Endpoints = [.. nodes.Select(node => new DnsEndPoint(node.Host, node.AmqpPort))],
        ManagementUri = nodes[^1].ManagementUri,
        StreamEndpoint = new DnsEndPoint(nodes[^1].Host, nodes[^1].StreamPort),
    };

    /// <summary>The same cluster with these nodes to be tried in turn, for everything.</summary>
    internal BrokerOptions InTurn(params OwnTestBroker[] nodes) => Through(nodes) with
    {
        ManagementUri = nodes[0].ManagementUri,
        FurtherManagementUris = [.. nodes[1..].Select(node => node.ManagementUri)],
        StreamEndpoint = new DnsEndPoint(nodes[0].Host, nodes[0].StreamPort),
        FurtherStreamEndpoints = [.. nodes[1..].Select(node => new DnsEndPoint(node.Host, node.StreamPort))],
    };

    /// <summary>Whether a stream can be declared, within half a minute.</summary>
    internal async Task<bool> MakesStreamsAsync()
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); DateTime.UtcNow < deadline; await Task.Delay(1000, Cancel))
        {
            try
            {
                await using IndependentClient client = await ClientAsync(Connected);
                await client.DeclareAsync("probe", "stream");
                await client.DeleteAsync("probe");
                return true;
            }
            catch (OperationInterruptedException exception) when (exception.Message.Contains("coordinator_unavailable", StringComparison.Ordinal))
            {
                // Not up yet.
            }
        }

        return false;
    }

    internal Task<IndependentClient> ClientAsync(OwnTestBroker node) => IndependentClient.ConnectAsync(node, Streams.VirtualHost);

    /// <summary>Declares a queue through a node, so that its leader is there, and fills it through the same node with numbered messages.</summary>
    internal async Task FillAsync(OwnTestBroker node, string queue, string type, int count, Dictionary<string, object?>? arguments = null)
    {
        await using IndependentClient client = await ClientAsync(node);
        await client.DeclareAsync(queue, type, arguments);
        await PublishAsync(client, queue, 0, count);
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); (await QueueAsync(queue)).Node != Cluster.NameOf(node); await Task.Delay(200, Cancel))
        {
            Assert.True(DateTime.UtcNow < deadline, $"The leader of {queue} is not on {Cluster.NameOf(node)}.");
        }
    }

    internal static Task PublishAsync(IndependentClient client, string queue, int first, int count) =>
        client.PublishAsync(queue, Enumerable.Range(first, count).Select(number => (new BasicProperties { MessageId = $"{number}", Persistent = true }, Noise(number))));

    /// <summary>As the management API of a node shows it.</summary>
    internal async Task<QueueInfo> QueueAsync(string queue, OwnTestBroker? through = null)
    {
        using ManagementClient management = new(Through(through ?? Connected));
        return await management.GetQueueAsync(new(Streams.VirtualHost, queue), Cancel) ?? throw new InvalidOperationException($"{queue} is not listed.");
    }

    /// <summary>The pre-flight check's word on each queue.</summary>
    internal async Task<Dictionary<string, QueueInfo>> ListAsync()
    {
        Dictionary<string, QueueInfo> queues = [];
        await foreach (QueueInfo queue in QueueListing.ListAsync(Harness.Broker, new QueueSelection { VirtualHosts = [Streams.VirtualHost] }, cancellationToken: Cancel))
        {
            queues[queue.Name] = queue;
        }

        return queues;
    }

    /// <summary>Waits until the queue has so many messages again, takes them, and sees that each number is there once.</summary>
    internal async Task AssertIdsAsync(string queue, int count, bool inOrder = true)
    {
        await using IndependentClient client = await ClientAsync(Connected);
        await client.UntilCountAsync(queue, count);
        List<int> ids = [.. (await client.TakeIdsAsync(queue)).Select(int.Parse)];
        Assert.Equal(Enumerable.Range(0, count), inOrder ? ids : ids.Order());
    }

    /// <summary>Waits until a stream has so many messages on a node, whose replica may be behind, and counts them.</summary>
    internal async Task<long> UntilStreamAsync(string stream, long count, OwnTestBroker? node = null)
    {
        BrokerOptions options = Through(node ?? Connected);
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); ; await Task.Delay(500, Cancel))
        {
            try
            {
                await using StreamConnection connection = await StreamConnection.OpenAsync(options, options.StreamEndpoint!, Streams.VirtualHost, cancellationToken: Cancel);
                long messages = (await new ChunkReader(connection, stream, new StreamReadOptions(), new CollectingSink()).RunAsync(Cancel)).Messages;
                if (messages >= count || DateTime.UtcNow > deadline)
                {
                    return messages;
                }
            }
            catch (RabbitBackupException exception) when ((exception.IsTransient || exception.Code == ErrorCode.QueueNotFound) && DateTime.UtcNow < deadline)
            {
                // It is not up yet.
            }
        }
    }

    /// <summary>The manifest's row adds up.</summary>
    internal static void AssertAddsUp(QueueEntry entry) => Assert.Equal(entry.DepthAtStart, entry.Messages + entry.Gaps.Sum(gap => gap.Messages ?? 0));

    public async ValueTask DisposeAsync()
    {
        await Cluster.StartAllAsync();
        try
        {
            await Streams.DisposeAsync();
        }
        catch (HttpRequestException exception) when (exception.StatusCode >= HttpStatusCode.InternalServerError)
        {
            // The virtual host goes with the cluster.
            TestContext.Current.TestOutputHelper?.WriteLine($"{Streams.VirtualHost} can't be deleted: {exception.Message}");
        }
    }

    private static byte[] Noise(int number)
    {
        byte[] body = new byte[200];
        new Random(number).NextBytes(body);
        return body;
    }
}
