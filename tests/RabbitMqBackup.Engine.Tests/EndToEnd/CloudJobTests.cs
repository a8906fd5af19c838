using Amazon.S3;
using Amazon.S3.Model;
using Azure.Storage;
using Azure.Storage.Blobs;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Catalog;
using RabbitMqBackup.Engine.Tests.Storage;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>Whole backups and restores against real storage servers: good ones, failing ones, slow ones, and ones that let nothing be written again.</summary>
public class CloudJobTests
{
    private static readonly RetryOptions Quick = new() { FirstDelay = TimeSpan.FromMilliseconds(5), MaxDelay = TimeSpan.FromMilliseconds(500) };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static bool IsLong => Environment.GetEnvironmentVariable("RABBITMQ_TEST_LONG") == "1";

    [Theory]
    [InlineData("s3", "quorum")]
    [InlineData("azblob", "classic")]
    public async Task With_one_request_in_five_failing_a_backup_is_complete_and_restores_to_the_same(string kind, string type)
    {
        await using Cloud cloud = await Cloud.GetAsync(kind);
        await using FaultyProxy proxy = await FaultyProxy.StartAsync(cloud.Server, FaultyProxy.Random(6, 0.2));
        BackupStore store = cloud.Store("", proxy.Uri, Quick);
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("orders", type);
        await client.PublishAsync("orders", Enumerable.Range(0, 2_000).Select(new RandomMessages(7).Next));
        List<string> before = await client.FingerprintsAsync("orders");

        BackupManifest manifest = await harness.BackupAsync(options => options with { Store = store, SegmentBytes = 256 << 10 });

        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.True((await harness.VerifyAsync(manifest)).IsValid);
        Assert.Equal(before, await client.FingerprintsAsync("orders"));
        await client.DeleteAsync("orders");
        RestoreResult result = await harness.RestoreAsync(manifest);
        Assert.True(result.IsComplete);
        Assert.Equal(before, await client.FingerprintsAsync("orders"));
        Assert.True(proxy.Faults > proxy.Requests / 10, $"{proxy.Faults} of {proxy.Requests} requests failed");
        TestContext.Current.SendDiagnosticMessage($"{kind}: {proxy.Faults} of {proxy.Requests} requests failed, {manifest.TotalSegments} segments");
    }

    [Fact]
    public async Task A_slow_store_slows_the_broker_down_and_fills_no_memory()
    {
        // 5 MB a second; what was read and is not stored yet stays below two segments and what comes between two looks at the sink.
        const int Segment = 2 << 20, Body = 10_000;
        int messages = IsLong ? 50_000 : 3_000;
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("deep", "classic");
        Random random = new(5);
        await client.PublishAsync("deep", Enumerable.Range(0, messages).Select(i =>
        {
            byte[] body = new byte[Body];
            random.NextBytes(body);
            return (new RabbitMQ.Client.BasicProperties { MessageId = $"{i}" }, body);
        }));
        BackupStore store = BackupStore.Create(new BackupStoreOptions { Uri = harness.Folder, MaxBytesPerSecond = 5_000_000 });
        long stored = 0, most = 0;
        harness.OnProgress = progress => most = Math.Max(most, progress.Bytes - Interlocked.Read(ref stored));
        harness.OnAnySegment = segment => Interlocked.Add(ref stored, segment.Entry.UncompressedBytes);
        long start = Environment.TickCount64;
        long peak = 0;
        using Timer sampler = new(_ => peak = Math.Max(peak, GC.GetTotalMemory(false)), null, 0, 50);

        BackupManifest manifest = await harness.BackupAsync(options => options with { Store = store, SegmentBytes = Segment });

        double seconds = (Environment.TickCount64 - start) / 1000.0;
        TestContext.Current.SendDiagnosticMessage($"{manifest.TotalBytes / 1e6:F0} MB in {seconds:F1} s; at most {most / 1e6:F1} MB read and not stored, managed heap at most {peak / 1e6:F0} MB (whole test process)");
        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.Equal(messages, manifest.TotalMessages);
        Assert.True(seconds >= 0.9 * messages * Body / 5_000_000, $"it took only {seconds} s, so the store was not slow");
        Assert.InRange(most, 1, (3 * Segment) + (4 << 20));
        Assert.True((await harness.VerifyAsync(manifest)).IsValid);
        Assert.Equal((uint)messages, await client.CountAsync("deep"));
    }

    [Theory]
    [InlineData("folder")]
    [InlineData("s3")]
    [InlineData("azblob")]
    public async Task Five_hundred_backups_are_listed_by_their_manifests_alone_and_side_by_side(string kind)
    {
        string folder = Directory.CreateTempSubdirectory("rabbit-backup-test-").FullName;
        await using Cloud? cloud = kind == "folder" ? null : await Cloud.GetAsync(kind);
        BackupStore store = cloud?.Store() ?? BackupStore.Parse(folder);
        await using BackupCatalog catalog = new(store);
        byte[] segment = new byte[1000];
        await Parallel.ForEachAsync(Enumerable.Range(0, 500), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancel }, async (i, token) =>
        {
            await catalog.PutSegmentAsync($"b{i:000}", "queues/_default/q0/segment-0001.zst", new MemoryStream(segment), null, token);
            await catalog.CommitAsync(TestManifests.Small($"b{i:000}", TestManifests.Created.AddHours(i), queues: 20), token);
        });
        int reading = 0, most = 0, reads = 0;
        List<string> others = [];
        BackupStore watched = new("watched:", () => new WatchedStore(store.Open())
        {
            OnRead = path =>
            {
                Interlocked.Increment(ref reads);
                if (!path.EndsWith("/manifest.json", StringComparison.Ordinal))
                {
                    lock (others)
                    {
                        others.Add(path);
                    }
                }
            },
            AroundRead = async read =>
            {
                most = Math.Max(most, Interlocked.Increment(ref reading));
                try
                {
                    return await read();
                }
                finally
                {
                    Interlocked.Decrement(ref reading);
                }
            },
        });
        long start = Environment.TickCount64;
        await using BackupCatalog listing = new(watched);
        List<BackupManifest> found = [];
        await foreach (BackupManifest manifest in listing.ListAsync(new BackupQuery(), damage => throw damage, Cancel))
        {
            found.Add(manifest);
        }

        TestContext.Current.SendDiagnosticMessage($"{kind}: 500 backups of 20 queues listed in {(Environment.TickCount64 - start) / 1000.0:F2} s, {reads} reads, at most {most} at once");
        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"b{i:000}"), found.Select(manifest => manifest.BackupId));
        Assert.All(found, manifest => Assert.Equal(20, manifest.Queues.Count));
        Assert.Equal(500, reads);
        Assert.Empty(others);
        Assert.InRange(most, kind == "folder" ? 1 : 2, 8);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task On_a_store_with_object_lock_nothing_of_a_backup_is_written_twice_and_nothing_can_be_taken_away()
    {
        await using Cloud cloud = await Cloud.GetAsync("s3", objectLock: true);
        BackupStore store = cloud.Store(change: options => options with { ObjectLockMode = "GOVERNANCE", ObjectLockDays = 1 });
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("orders", "classic");
        await client.PublishAsync("orders", Enumerable.Range(0, 500).Select(new RandomMessages(8).Next));
        List<string> before = await client.FingerprintsAsync("orders");

        BackupManifest manifest = await harness.BackupAsync(options => options with { Store = store, BackupId = "worm", SegmentBytes = 256 << 10, SkipDefinitions = false });

        List<S3ObjectVersion> versions = await cloud.VersionsAsync("worm/");
        Assert.Equal(manifest.TotalSegments + 2, versions.Count);
        Assert.All(versions.GroupBy(version => version.Key), key => Assert.Single(key));
        using (AmazonS3Client admin = cloud.S3Admin())
        {
            foreach (S3ObjectVersion version in versions)
            {
                AmazonS3Exception refused = await Assert.ThrowsAsync<AmazonS3Exception>(() => admin.DeleteObjectAsync(new DeleteObjectRequest { BucketName = cloud.Bucket, Key = version.Key, VersionId = version.VersionId }, Cancel));
                Assert.Equal(System.Net.HttpStatusCode.Forbidden, refused.StatusCode);
            }
        }

        Assert.True((await harness.VerifyAsync(manifest)).IsValid);
        await client.DeleteAsync("orders");
        Assert.True((await harness.RestoreAsync(manifest)).IsComplete);
        Assert.Equal(before, await client.FingerprintsAsync("orders"));

        // A removal hides the backup; what it is made of stays until its time has come.
        BackupRemover remover = new();
        RemovalPlan plan = await remover.PlanAsync(new RemovalOptions { Store = store, Backups = [manifest], Force = true }, Cancel);
        await remover.RemoveAsync(plan, plan.Backups[0], _ => { }, Cancel);
        Assert.Equal(versions.Count, (await cloud.VersionsAsync("worm/")).Count(version => version.IsDeleteMarker != true));
    }

    [Fact]
    public async Task Copies_go_from_store_to_store_and_within_a_service_by_itself()
    {
        await using Cloud s3 = await Cloud.GetAsync("s3"), s3Other = await Cloud.GetAsync("s3"), azure = await Cloud.GetAsync("azblob");
        string folder = Directory.CreateTempSubdirectory("rabbit-backup-test-").FullName;
        RecordingLog log = new();
        BackupManifest manifest = await StoredBackup.CreateAsync(s3.Store("from"), "b1", bytes: 3_000_000);
        foreach (BackupStore target in new[] { s3.Store("to"), s3Other.Store(), azure.Store("from"), azure.Store("to"), BackupStore.Parse(folder) })
        {
            manifest = await new BackupCopier(log).CopyAsync(new CopyOptions { Backup = manifest, Destination = target }, _ => { }, Cancel);
        }

        Dictionary<string, string> expected = await StoredBackup.ContentAsync(s3.Store("from"), "");
        Assert.Equal(6, expected.Count);
        Assert.Equal(expected, await StoredBackup.ContentAsync(BackupStore.Parse(folder), ""));
        Assert.Equal(["5", "5", "0", "5", "0"], log.Lines.Where(line => line.Contains("Copied the backup", StringComparison.Ordinal)).Select(line => line.Split("; ")[1].Split(' ')[0]));

        await StoredBackup.DamageAsync(s3.Store("from"), "b1/queues/_default/q1/segment-0002.zst");
        BackupManifest damaged = manifest with { Store = s3.Store("from") };
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => new BackupCopier(log).CopyAsync(new CopyOptions { Backup = damaged, Destination = s3Other.Store("again") }, _ => { }, Cancel));
        Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
        Dictionary<string, string> again = await StoredBackup.ContentAsync(s3Other.Store("again"), "");
        Assert.DoesNotContain("b1/manifest.json", again.Keys);
        Assert.DoesNotContain("b1/queues/_default/q1/segment-0002.zst", again.Keys);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>A bucket or container of its own on a real server.</summary>
    private sealed class Cloud : IAsyncDisposable
    {
        private CephServer? _ceph;
        private AzuriteServer? _azurite;

        internal string Bucket { get; } = $"job-{Guid.NewGuid():n}";

        internal Uri Server => _ceph?.Endpoint ?? _azurite!.Endpoint;

        internal static async Task<Cloud> GetAsync(string kind, bool objectLock = false)
        {
            Cloud cloud = new();
            try
            {
                if (kind == "s3")
                {
                    cloud._ceph = await CephServer.GetAsync();
                    using AmazonS3Client admin = cloud.S3Admin();
                    await admin.PutBucketAsync(new PutBucketRequest { BucketName = cloud.Bucket, ObjectLockEnabledForBucket = objectLock }, Cancel);
                }
                else
                {
                    cloud._azurite = await AzuriteServer.GetAsync();
                    await new BlobContainerClient(new Uri($"{cloud._azurite.Endpoint}/{cloud.Bucket}"), new StorageSharedKeyCredential(cloud._azurite.Account, cloud._azurite.Key)).CreateAsync(cancellationToken: Cancel);
                }
            }
            catch (TestServerUnavailableException reason)
            {
                Assert.Skip(reason.Message);
            }

            return cloud;
        }

        internal BackupStore Store(string prefix = "", Uri? endpoint = null, RetryOptions? retry = null, Func<S3Options, S3Options>? change = null)
        {
            if (_azurite is not null)
            {
                return BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_azurite.Account}/{Bucket}/{prefix}", AzureBlob = new() { AccountKey = _azurite.Key, Endpoint = endpoint ?? Server }, Retry = retry ?? new() });
            }

            S3Options options = new() { AccessKey = _ceph!.AccessKey, SecretKey = _ceph.SecretKey, Endpoint = endpoint ?? Server };
            return BackupStore.Create(new BackupStoreOptions { Uri = $"s3://{Bucket}/{prefix}", S3 = change?.Invoke(options) ?? options, Retry = retry ?? new() });
        }

        internal AmazonS3Client S3Admin() => new(_ceph!.AccessKey, _ceph.SecretKey, new AmazonS3Config { ServiceURL = _ceph.Endpoint.ToString(), ForcePathStyle = true, AuthenticationRegion = "us-east-1" });

        internal async Task<List<S3ObjectVersion>> VersionsAsync(string prefix)
        {
            using AmazonS3Client admin = S3Admin();
            return (await admin.ListVersionsAsync(new ListVersionsRequest { BucketName = Bucket, Prefix = prefix }, Cancel)).Versions ?? [];
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
