using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>Which node is spoken to, and what happens when it is another.</summary>
public sealed partial class ClusterTests
{
    [Theory]
    [MemberData(nameof(Generations))]
    public async Task When_the_node_dies_over_which_queues_are_read_it_goes_on_over_another(string generation)
    {
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        // 4.3 waits a minute before it takes back what a consumer on a dead node held, unless the queue says otherwise. On 4.0 a queue with a delivery limit, which is the default, would not be read a second time.
        await scene.FillAsync(scene.Second, "quorum", "quorum", Count, generation switch
        {
            "4.0" => new() { ["x-delivery-limit"] = -1 },
            "4.3" when !LongRun.IsOn => new() { ["x-consumer-disconnected-timeout"] = 5000 },
            _ => null,
        });
        await scene.FillAsync(scene.Third, "classic", "classic", Count);
        await scene.FillAsync(scene.Second, "stream", "stream", Count);

        // A stream that is only being connected to then would not be waited for.
        ConcurrentDictionary<string, bool> begun = [];
        scene.Harness.OnAnySegment = segment =>
        {
            if (begun.TryAdd(segment.Queue, true) && segment.Queue != "classic" && begun.ContainsKey("quorum") && begun.ContainsKey("stream"))
            {
                Task.Run(() => scene.Cluster.KillAsync(scene.Connected)).GetAwaiter().GetResult();
            }
        };
        BrokerOptions broker = scene.Through(scene.Connected, scene.Third) with { StreamEndpoint = scene.Harness.Broker.StreamEndpoint };

        BackupManifest manifest = await BackupAsync(scene, perSecond: 3000, broker);

        Assert.Empty(scene.Harness.Failures);
        Assert.Equal((BackupStatus.Complete, 3L * Count), (manifest.Status, manifest.TotalMessages));
        await scene.Cluster.StartAllAsync();

        // A quorum queue takes back what a dead node's consumers held consumer by consumer, in an order of its own: the first message, which has a consumer for itself, lies elsewhere then.
        await AssertSameAsync(scene, manifest, inOrder: false);
        await scene.AssertIdsAsync("quorum", Count, inOrder: false);
        await scene.AssertIdsAsync("classic", Count);
        Assert.Equal(Count, await scene.UntilStreamAsync("stream", Count));
    }

    /// <summary>A client that fetches a part as soon as the read is broken off stands for a node that still holds it for the reader.</summary>
    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_queue_is_not_read_again_before_all_that_the_last_reader_held_is_back(string generation)
    {
        const int Part = 100;
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        await scene.FillAsync(scene.Second, "classic", "classic", Count);
        await using IndependentClient client = await scene.ClientAsync(scene.Second);
        Task? back = null;
        // In the middle of the read, which waits for it; the broker has sent all meanwhile.
        scene.Harness.OnAdvance = messages =>
        {
            if (messages == 0)
            {
                return;
            }

            scene.Harness.OnAdvance = null;
            Task.Run(async () =>
            {
                await client.UntilCountAsync("classic", 0);
                await CloseReaderAsync(scene, "classic");
                await client.UntilCountAsync("classic", Count);
                IChannel holder = await client.HoldAsync("classic", Part);
                back = Task.Delay(TimeSpan.FromSeconds(20), Cancel).ContinueWith(_ => holder.DisposeAsync().AsTask(), TaskScheduler.Default).Unwrap();
            }).GetAwaiter().GetResult();
        };

        BackupManifest manifest = await BackupAsync(scene, perSecond: 2000);
        await back!;

        Assert.Empty(scene.Harness.Failures);
        Assert.Equal((BackupStatus.Complete, (long)Count), (manifest.Status, manifest.TotalMessages));
        await AssertSameAsync(scene, manifest, inOrder: true);
        await scene.AssertIdsAsync("classic", Count);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Through_a_balancer_a_replica_is_found_for_reading_and_the_leader_for_writing(string generation)
    {
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        await scene.FillAsync(scene.Second, "stream", "stream", 100);
        await using Balancer balancer = new([.. scene.Cluster.Nodes.Select(node => node.StreamPort)]);
        BrokerOptions broker = scene.Harness.Broker with { StreamEndpoint = new DnsEndPoint("127.0.0.1", balancer.Port) };
        StreamConnector connector = new(broker, TimeProvider.System);
        for (int i = 0; i < 3; i++)
        {
            await using StreamConnection writing = await connector.ConnectAsync(scene.Streams.VirtualHost, "stream", StreamAccess.Write, Cancel);
            await using StreamConnection reading = await connector.ConnectAsync(scene.Streams.VirtualHost, "stream", StreamAccess.Read, Cancel);
            Assert.Equal(scene.Second.StreamPort, writing.Advertised?.Port);
            Assert.NotEqual(scene.Second.StreamPort, reading.Advertised?.Port);
        }

        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { Broker = broker });
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { Broker = broker, QueueMap = Copies });
        Assert.Equal((BackupStatus.Complete, 100L, true), (manifest.Status, manifest.TotalMessages, result.IsComplete));
        Assert.Equal(await scene.Streams.FingerprintAsync("stream"), await scene.Streams.FingerprintAsync("stream-2"));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task An_alarm_on_any_node_ends_the_read(string generation)
    {
        await using ClusterScene scene = await clusters.SceneAsync(generation);
        await scene.FillAsync(scene.Second, "quorum", "quorum", Count);
        Strike(scene, "quorum", () => scene.Third.CtlAsync("rabbitmqctl", "set_vm_memory_high_watermark", "0.00001"));
        try
        {
            // No node is dead: on a busy machine, beside the starts of the command line's two virtual machines, a consumer can take longer than where one is.
            QueueEntry cut = Assert.Single((await BackupAsync(scene, perSecond: 100, requestSeconds: 60)).Queues);
            ClusterScene.AssertAddsUp(cut);
            Assert.True(cut is { Outcome: QueueOutcome.Incomplete, ErrorCode: nameof(ErrorCode.BrokerInAlarm) }, $"{cut.Outcome}, {cut.ErrorCode}: {cut.Reason}");
            Assert.Contains(scene.Cluster.NameOf(scene.Third), cut.Gaps[0].Reason, StringComparison.Ordinal);
        }
        finally
        {
            await scene.Third.CtlAsync("rabbitmqctl", "set_vm_memory_high_watermark", "0.6");
            using ManagementClient management = new(scene.Harness.Broker);
            while ((await management.ListNodesAsync(Cancel)).Any(node => node.Trouble is not null))
            {
                await Task.Delay(200, Cancel);
            }
        }

        await scene.AssertIdsAsync("quorum", Count, inOrder: false);
    }

    [Theory]
    [InlineData("consume")]
    [InlineData("get")]
    public async Task On_3_10_a_mirrored_queue_whose_leader_dies_is_read_again_at_its_mirror(string method)
    {
        Assert.SkipUnless(LongRun.IsOn, "A cluster of 3.10 is started in a long run only (RABBITMQ_TEST_LONG=1).");
        await using ClusterScene scene = await clusters.SceneAsync("3.10");
        using StringContent policy = new("""{"pattern":".*","apply-to":"queues","definition":{"ha-mode":"all","ha-sync-mode":"automatic"}}""");
        policy.Headers.ContentType = new("application/json");
        using HttpResponseMessage put = await scene.Connected.Management.PutAsync($"policies/{scene.Streams.VirtualHost}/ha", policy, Cancel);
        put.EnsureSuccessStatusCode();
        await scene.FillAsync(scene.Second, "mirrored", "classic", Count, method == "get" ? new() { ["x-single-active-consumer"] = true } : null);
        Strike(scene, "mirrored", () => scene.Cluster.KillAsync(scene.Second));

        BackupManifest manifest = await BackupAsync(scene, perSecond: 1000, retrySeconds: 120);

        Assert.Equal(method, manifest.Queues[0].ReadBy);
        Assert.Empty(scene.Harness.Failures);
        Assert.Equal((BackupStatus.Complete, (long)Count), (manifest.Status, manifest.TotalMessages));
        await AssertSameAsync(scene, manifest, inOrder: true);
        await scene.AssertIdsAsync("mirrored", Count);
    }

    /// <summary>As an administrator does; the API knows the connection some seconds late.</summary>
    private static async Task CloseReaderAsync(ClusterScene scene, string queue)
    {
        HttpClient management = scene.Connected.Management;
        string reader = OtherRuns.ReaderOf(new(scene.Streams.VirtualHost, queue));
        for (int closed = 0; closed == 0; await Task.Delay(200, Cancel))
        {
            JsonElement connections = await management.GetFromJsonAsync<JsonElement>($"vhosts/{Uri.EscapeDataString(scene.Streams.VirtualHost)}/connections", Cancel);
            foreach (JsonElement connection in connections.EnumerateArray().Where(connection => connection.ToString().Contains(reader, StringComparison.Ordinal)))
            {
                using HttpResponseMessage answer = await management.DeleteAsync($"connections/{Uri.EscapeDataString(connection.GetProperty("name").GetString()!)}", Cancel);
                closed += answer.IsSuccessStatusCode ? 1 : 0;
            }
        }
    }

    /// <summary>Each connection comes to the next node.</summary>
    private sealed class Balancer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _serving;

        internal Balancer(int[] ports)
        {
            _listener.Start();
            _serving = ServeAsync(ports);
        }

        internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            _listener.Stop();
            await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _stop.Dispose();
        }

        private async Task ServeAsync(int[] ports)
        {
            List<Task> connections = [];
            try
            {
                for (int next = 0; ; next++)
                {
                    connections.Add(PassAsync(await _listener.AcceptTcpClientAsync(_stop.Token), ports[next % ports.Length]));
                }
            }
            finally
            {
                await Task.WhenAll(connections).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        private async Task PassAsync(TcpClient client, int port)
        {
            using (client)
            {
                using TcpClient server = new();
                await server.ConnectAsync(IPAddress.Loopback, port, _stop.Token);
                await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream(), _stop.Token), server.GetStream().CopyToAsync(client.GetStream(), _stop.Token));
            }
        }
    }
}
