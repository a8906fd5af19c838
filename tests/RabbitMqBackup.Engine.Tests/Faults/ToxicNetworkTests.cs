using System.Diagnostics;
using System.Globalization;
using System.Net;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Verification;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>Between module and broker, and between module and store, the network delays, cuts, halves, swallows: no hang beyond the time-outs, nothing wrong in a backup.</summary>
public sealed class ToxicNetworkTests
{
    private const int Count = 3_000;

    private static readonly RetryOptions Quick = new() { MaxAttempts = 6, FirstDelay = TimeSpan.FromMilliseconds(50), MaxDelay = TimeSpan.FromSeconds(1) };

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_connection_that_breaks_in_the_middle_is_made_anew_and_the_backup_is_whole()
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await FillAsync(client, "q", "classic");
        // 0 is the check of the plan, 1 and 2 are reads.
        await using ToxicProxy proxy = new(virtualHost.Broker.Host, virtualHost.Broker.AmqpPort, number => number is 1 or 2 ? new Toxic { After = 300_000, Cut = true } : null);

        BackupManifest manifest = await harness.BackupAsync(options => options with { Broker = Through(harness, proxy), Retry = Quick, SegmentBytes = 64 << 10 });

        Assert.Equal(2, proxy.Struck);
        Assert.Empty(harness.Failures);
        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.Equal(Enumerable.Range(0, Count), await NumbersAsync(manifest));
        Assert.Equal((uint)Count, await client.CountAsync("q"));
    }

    /// <summary>Until heartbeats tell it so, the broker keeps for that connection what it had sent. Forced, since the reader's consumer, which is still counted, would else be taken for another run's.</summary>
    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task A_queue_is_not_read_again_before_the_broker_has_seen_that_the_last_reader_is_gone(string type)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await FillAsync(client, "q", type);
        await using ToxicProxy proxy = new(virtualHost.Broker.Host, virtualHost.Broker.AmqpPort, number => number is 1 ? new Toxic { After = 300_000, Abandon = true } : null);

        BackupManifest manifest = await harness.BackupAsync(options => options with { Broker = Through(harness, proxy) with { Heartbeat = TimeSpan.FromSeconds(4) }, Force = true, Retry = Quick, SegmentBytes = 64 << 10 });

        Assert.Equal(1, proxy.Struck);
        Assert.Empty(harness.Failures);
        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.Equal(Enumerable.Range(0, Count), await NumbersAsync(manifest));
        Assert.Equal((uint)Count, await client.CountAsync("q"));
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task Whatever_happens_between_module_and_broker_a_backup_holds_nothing_wrong(string type)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        int seed = Environment.TickCount;
        Random random = new(seed);
        int whole = 0, struck = 0;
        int rounds = LongRun.Count(4, 50);
        List<TimeSpan> times = [];
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        for (int round = 0; round < rounds; round++)
        {
            string queue = $"q-{round}";
            using EngineHarness harness = EngineHarness.For(virtualHost);
            await FillAsync(client, queue, type);
            await using (ToxicProxy proxy = new(virtualHost.Broker.Host, virtualHost.Broker.AmqpPort, number => number > 0 && random.Next(3) > 0 ? Toxic.Any(random, mayCorrupt: false) : null))
            {
                BackupManifest manifest = await InTimeAsync(harness.BackupAsync(options => options with { Broker = Through(harness, proxy), Retry = Quick, SegmentBytes = 64 << 10 }), times, seed);
                struck += proxy.Struck;
                whole += manifest.Status == BackupStatus.Complete ? 1 : 0;

                // In whatever state: what is in it is the head of the queue, each message once, in order.
                List<int> numbers = await NumbersAsync(manifest);
                Assert.Equal(Enumerable.Range(0, numbers.Count), numbers);
                Assert.True(manifest.Status == BackupStatus.Partial ^ numbers.Count == Count, $"round {round}: {manifest.Status} with {numbers.Count}; {Told(seed, times)}");
                Assert.Equal(manifest.Status == BackupStatus.Partial, harness.Failures.Count > 0);
                Assert.DoesNotContain((await harness.VerifyAsync(manifest)).Findings, finding => finding.IsError);
            }

            await client.UntilCountAsync(queue, Count, $"Round {round}; {Told(seed, times)}");
            await client.DeleteAsync(queue);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{type}: {rounds} rounds, {struck} connections struck, {whole} whole all the same, {Told(seed, times)}");
        Assert.True(struck > 0, $"no connection was struck; {Told(seed, times)}");
    }

    [Theory]
    [InlineData(FaultStore.S3)]
    [InlineData(FaultStore.Azure)]
    public async Task Whatever_happens_between_module_and_store_a_backup_is_whole_or_is_none(string kind)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        (Uri server, Func<int, BackupStore> through) = kind == FaultStore.S3 ? await InS3Async() : await InAzureAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await FillAsync(client, "q", "classic");
        BackupStore straight = through(server.Port);
        await using BackupCatalog catalog = new(straight);
        int seed = Environment.TickCount;
        Random random = new(seed);
        int whole = 0, struck = 0;
        int rounds = LongRun.Count(3, 50);
        List<TimeSpan> times = [];
        for (int round = 0; round < rounds; round++)
        {
            string id = $"r{round}";
            await using ToxicProxy proxy = new(server.Host, server.Port, _ => random.Next(3) > 0 ? Toxic.Any(random, mayCorrupt: true) with { After = random.Next(2000), Upstream = random.Next(2) == 0 } : null);
            try
            {
                await InTimeAsync(harness.BackupAsync(options => options with { Store = through(proxy.Port), BackupId = id, SegmentBytes = 64 << 10, CheckpointPath = Path.Combine(harness.Folder, "checkpoints") }), times, seed);
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.StorageUnavailable or ErrorCode.StorageAccessDenied or ErrorCode.StorageConflict or ErrorCode.BackupExists or ErrorCode.BackupInUse or ErrorCode.ObjectNotFound)
            {
                // A store that fails ends the run. Over HTTP without TLS an altered answer can say whatever the bits allow.
            }

            struck += proxy.Struck;
            if (await catalog.ExistsAsync(id, Cancel))
            {
                BackupManifest manifest = await catalog.GetAsync(id, Cancel);
                Assert.True((manifest.Status, manifest.TotalMessages) == (BackupStatus.Complete, Count), $"round {round}: {manifest.Status} with {manifest.TotalMessages}; {Told(seed, times)}");
                IReadOnlyList<VerificationFinding> findings = (await harness.VerifyAsync(manifest)).Findings;
                Assert.True(findings.Count == 0, $"round {round}: {string.Join(' ', findings)}; {Told(seed, times)}");
                whole++;
            }
        }

        Assert.Equal((uint)Count, await client.CountAsync("q"));
        TestContext.Current.TestOutputHelper?.WriteLine($"{kind}: {rounds} rounds, {struck} connections struck, {whole} whole all the same, {Told(seed, times)}");
        Assert.True(struck > 0, $"no connection was struck; {Told(seed, times)}");
    }

    /// <summary>The server, and a store in a new bucket of it that is reached through a port.</summary>
    private static async Task<(Uri Server, Func<int, BackupStore> Through)> InS3Async()
    {
        CephServer server = await FaultStore.OrSkipAsync(CephServer.GetAsync());
        string bucket = $"toxic-{Guid.NewGuid():n}";
        await server.CreateBucketAsync(bucket);
        return (server.Endpoint, port => BackupStore.Create(new BackupStoreOptions
        {
            Uri = $"s3://{bucket}/backups",
            S3 = new S3Options { AccessKey = server.AccessKey, SecretKey = server.SecretKey, Endpoint = new UriBuilder(server.Endpoint) { Port = port }.Uri },
            Retry = Quick,
            RequestTimeout = TimeSpan.FromSeconds(3),
        }));
    }

    private static async Task<(Uri Server, Func<int, BackupStore> Through)> InAzureAsync()
    {
        AzuriteServer server = await FaultStore.OrSkipAsync(AzuriteServer.GetAsync());
        string container = $"toxic-{Guid.NewGuid():n}";
        await server.CreateContainerAsync(container);
        return (server.Endpoint, port => BackupStore.Create(new BackupStoreOptions
        {
            Uri = $"azblob://{server.Account}/{container}/backups",
            AzureBlob = new AzureBlobOptions { AccountKey = server.Key, Endpoint = new UriBuilder(server.Endpoint) { Port = port }.Uri },
            Retry = Quick,
            RequestTimeout = TimeSpan.FromSeconds(3),
        }));
    }

    /// <summary>Waits for the backup of a round, and keeps how long it took.</summary>
    private static async Task<BackupManifest> InTimeAsync(Task<BackupManifest> backup, List<TimeSpan> times, int seed)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            return await backup.WaitAsync(Patience, Cancel);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The backup of round {times.Count} did not end in {Patience}; {Told(seed, times)}");
        }
        finally
        {
            times.Add(Stopwatch.GetElapsedTime(start));
        }
    }

    private static string Told(int seed, List<TimeSpan> times) =>
        $"seed {seed}, seconds of each round: {string.Join(", ", times.Select(time => time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)))}";

    private static Engine.Broker.BrokerOptions Through(EngineHarness harness, ToxicProxy proxy) => harness.Broker with
    {
        Endpoints = [new DnsEndPoint("127.0.0.1", proxy.Port)],
        // The first connection is left alone: on a busy machine it must have the time to open.
        ConnectTimeout = TimeSpan.FromSeconds(10),
        RequestTimeout = TimeSpan.FromSeconds(3),
        Heartbeat = TimeSpan.FromSeconds(2),
    };

    private static async Task FillAsync(IndependentClient client, string queue, string type)
    {
        await client.DeclareAsync(queue, type);
        await client.PublishAsync(queue, Enumerable.Range(0, Count).Select(number => (new BasicProperties { MessageId = $"{number}" }, Body(number))));
    }

    private static byte[] Body(int number)
    {
        byte[] body = new byte[250];
        new Random(number).NextBytes(body);
        return body;
    }

    private static async Task<List<int>> NumbersAsync(BackupManifest manifest)
    {
        List<int> numbers = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancel))
            {
                int number = int.Parse(message.Properties.MessageId!, System.Globalization.CultureInfo.InvariantCulture);
                Assert.True(message.Body.AsSpan().SequenceEqual(Body(number)), $"message {number} has another body");
                numbers.Add(number);
            }
        }

        return numbers;
    }
}
