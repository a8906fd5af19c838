using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>What a virtual host can do to the queues by which a restore claims its own: a claim that is lost would let a backup take half a queue for whole, one that stays would stop every backup.</summary>
public sealed class ClaimTroubleTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_policy_that_lets_idle_queues_expire_does_not_end_a_claim(string generation)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await PutAsync(virtualHost, $"policies/{virtualHost.Name}/idle", """{"pattern":".*","apply-to":"queues","definition":{"expires":300}}""");
        await using RestoreClaims claims = new(harness.Broker, new RecordingLog(), TimeProvider.System);
        using Watcher watcher = new(harness);

        Assert.True(await claims.TakeAsync(new(virtualHost.Name, "q"), Cancel));
        // A refusal by another run's claim ends the channel that it came over.
        await using (RestoreClaims other = new(harness.Broker, new RecordingLog(), TimeProvider.System))
        {
            Assert.True(await other.TakeAsync(new(virtualHost.Name, "r"), Cancel));
            using CancellationTokenSource impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            impatient.CancelAfter(TimeSpan.FromSeconds(1));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => claims.TakeAsync(new(virtualHost.Name, "r"), impatient.Token));
        }

        await Task.Delay(2_000, Cancel);

        Assert.True(await watcher.SeesAsync("q"), "the claim expired");
    }

    [Fact]
    public async Task A_claim_that_is_refused_does_not_cost_those_that_were_taken()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await PutAsync(virtualHost, $"vhost-limits/{virtualHost.Name}/max-queues", """{"value":1}""");
        RecordingLog log = new();
        await using RestoreClaims claims = new(harness.Broker, log, TimeProvider.System);
        using Watcher watcher = new(harness);

        Assert.True(await claims.TakeAsync(new(virtualHost.Name, "a"), Cancel));
        Assert.True(await claims.TakeAsync(new(virtualHost.Name, "b"), Cancel));

        Assert.Single(log.Lines);
        Assert.True(await watcher.SeesAsync("a"));
        Assert.False(await watcher.SeesAsync("b"));
    }

    [Fact]
    public async Task A_queue_that_is_begun_while_the_connection_is_away_is_claimed_and_those_before_it_stay_so()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        RecordingLog log = new();
        await using RestoreClaims claims = new(harness.Broker, log, TimeProvider.System);
        using Watcher watcher = new(harness);
        Assert.True(await claims.TakeAsync(new(virtualHost.Name, "a"), Cancel));

        await CloseConnectionsAsync(virtualHost);
        Assert.True(await claims.TakeAsync(new(virtualHost.Name, "b"), Cancel));

        Assert.True(await watcher.SeesAsync("a") && await watcher.SeesAsync("b"), string.Join('\n', log.Lines));
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task A_restore_that_has_just_ended_is_waited_for()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        RestoreClaims earlier = new(harness.Broker, new RecordingLog(), TimeProvider.System);
        Assert.True(await earlier.TakeAsync(new(virtualHost.Name, "q"), Cancel));
        await using RestoreClaims later = new(harness.Broker, new RecordingLog(), TimeProvider.System);

        Task<bool> taking = later.TakeAsync(new(virtualHost.Name, "q"), Cancel);
        await Task.Delay(1_500, Cancel);
        await earlier.DisposeAsync();

        Assert.True(await taking);
    }

    [Fact]
    public async Task A_queue_that_only_has_the_name_of_a_claim_stops_no_backup()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync(RestoreClaims.NameFor("q"), "classic");
        using Watcher watcher = new(harness);

        Assert.False(await watcher.SeesAsync("q"));
    }

    [Fact]
    public async Task A_virtual_host_that_is_deleted_does_not_hold_up_the_end_of_a_restore()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        RestoreClaims claims = new(harness.Broker, new RecordingLog(), TimeProvider.System);
        await using (claims)
        {
            Assert.True(await claims.TakeAsync(new(virtualHost.Name, "a"), Cancel));
            using HttpResponseMessage deleted = await virtualHost.Broker.Management.DeleteAsync($"vhosts/{virtualHost.Name}", Cancel);
            deleted.EnsureSuccessStatusCode();
            if (LongRun.IsOn)
            {
                Assert.True(await claims.TakeAsync(new(virtualHost.Name, "b"), Cancel).WaitAsync(TimeSpan.FromSeconds(60), Cancel));
            }
        }
    }

    public static TheoryData<string> Generations => LongRun.IsOn ? ["3.10", "4.0", "4.3"] : ["4.3"];

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Another_restore_of_many_queues_can_begin_when_one_has_ended(string generation)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(virtualHost);
        int count = LongRun.Count(100, 2_000);
        QueueName[] queues = [.. Enumerable.Range(0, count).Select(number => new QueueName(virtualHost.Name, $"q{number}"))];
        RestoreClaims claims = new(harness.Broker, new RecordingLog(), TimeProvider.System);
        using Watcher watcher = new(harness);
        long start = Stopwatch.GetTimestamp();
        foreach (QueueName queue in queues)
        {
            Assert.True(await claims.TakeAsync(queue, Cancel));
        }

        TimeSpan taken = Stopwatch.GetElapsedTime(start);
        Assert.True(await watcher.SeesAsync("q0") && await watcher.SeesAsync($"q{count - 1}"));
        start = Stopwatch.GetTimestamp();
        await claims.DisposeAsync();
        TimeSpan closed = Stopwatch.GetElapsedTime(start);

        await using RestoreClaims next = new(harness.Broker, new RecordingLog(), TimeProvider.System);
        foreach (QueueName queue in queues)
        {
            Assert.True(await next.TakeAsync(queue, Cancel), queue.Name);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{generation}: {count} claims in {taken.TotalSeconds:0.0} s, closed in {closed.TotalSeconds:0.0} s, taken again after {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    /// <summary>The one that came too late has written down that it will make the queue, as the other one has.</summary>
    [Fact]
    public async Task What_another_restore_fills_is_neither_mixed_nor_taken_back()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("q", "classic");
        await client.PublishEachAsync("q", ["1", "2", "3"], Cancel);
        BackupManifest manifest = await harness.BackupAsync();
        await client.DeleteAsync("q");
        string folder = Path.Combine(harness.Folder, "records");
        RestoreEngine engine = new();
        RestorePlan late = await engine.PlanAsync(new RestoreOptions { Broker = harness.Broker, Manifest = manifest, CheckpointPath = Path.Combine(harness.Folder, "late") }, Cancel);
        RestoreResult first = await harness.RestoreAsync(manifest, options => options with { CheckpointPath = folder });
        await using RestoreClaims claims = new(harness.Broker, new RecordingLog(), TimeProvider.System);
        Assert.True(await claims.TakeAsync(new(virtualHost.Name, "q"), Cancel));

        RestoreResult second = await engine.ExecuteAsync(late, harness, Cancel);

        Assert.Equal((nameof(ErrorCode.QueueInUse), 0, null), (second.Queues[0].ErrorCode, second.Queues[0].Confirmed, second.RestoreId));
        Assert.Equal(3u, await client.CountAsync("q"));
        RestoreUndoItem item = Assert.Single((await new RestoreUndo().PlanAsync(harness.Broker, first.RestoreId!, folder, force: false, Cancel)).Items);
        Assert.True(!item.IsRemoved && item.Reason.Contains("a restore fills it at this moment", StringComparison.Ordinal), item.Reason);
    }

    private static async Task PutAsync(TestVirtualHost virtualHost, string path, string json)
    {
        using StringContent content = new(json, null, "application/json");
        using HttpResponseMessage answer = await virtualHost.Broker.Management.PutAsync(path, content, Cancel);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>As an administrator does; a connection is listed some seconds after it was made.</summary>
    private static async Task CloseConnectionsAsync(TestVirtualHost virtualHost)
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); DateTime.UtcNow < deadline; await Task.Delay(300, Cancel))
        {
            JsonElement[] connections = (await virtualHost.Broker.Management.GetFromJsonAsync<JsonElement[]>($"vhosts/{virtualHost.Name}/connections", Cancel))!;
            foreach (JsonElement connection in connections)
            {
                using HttpResponseMessage closed = await virtualHost.Broker.Management.DeleteAsync($"connections/{Uri.EscapeDataString(connection.GetProperty("name").GetString()!)}", Cancel);
            }

            if (connections.Length > 0)
            {
                return;
            }
        }

        Assert.Fail("no connection is listed");
    }

    /// <summary>A backup's look at the claims.</summary>
    private sealed class Watcher : IDisposable
    {
        private readonly ManagementClient _management;
        private readonly OtherRuns _others;
        private readonly string _virtualHost;

        internal Watcher(EngineHarness harness)
        {
            _management = new(harness.Broker);
            _others = new(_management, TimeProvider.System);
            _virtualHost = harness.VirtualHost;
        }

        internal Task<bool> SeesAsync(string queue) => _others.IsClaimedAsync(new(_virtualHost, queue), Cancel);

        public void Dispose()
        {
            _others.Dispose();
            _management.Dispose();
        }
    }
}
