using Amazon.S3;
using Microsoft.AspNetCore.Http;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.Storage;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A quota that is used up, of a file system and of a cloud's user: an error that names the store and what to do, no manifest, and with room the run is resumed.</summary>
public sealed class StoreQuotaTests
{
    private const int Count = 4_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_file_systems_quota()
    {
        await using QuotaDisk disk = await FaultStore.OrSkipAsync(QuotaDisk.MountAsync("400K"));

        await RunAsync(BackupStore.Parse(Path.Combine(disk.Folder, "backups")), () => disk.LimitAsync("100M"));
    }

    [Fact]
    public async Task A_users_quota_in_S3()
    {
        CephServer server = await FaultStore.OrSkipAsync(CephServer.GetAsync());
        string user = $"quota-{Guid.NewGuid():n}", access = $"AK{Guid.NewGuid():n}", secret = $"SK{Guid.NewGuid():n}", bucket = user;
        await FaultStore.OrSkipAsync(Task.Run(async () =>
        {
            await server.AdministerAsync("user", "create", $"--uid={user}", "--display-name=quota", $"--access-key={access}", $"--secret-key={secret}");
            return true;
        }));
        await server.AdministerAsync("quota", "set", "--quota-scope=user", $"--uid={user}", "--max-size=400K");
        await server.AdministerAsync("quota", "enable", "--quota-scope=user", $"--uid={user}");
        using (AmazonS3Client owner = FaultStore.Client(server, access, secret))
        {
            await owner.PutBucketAsync(bucket, Cancel);
        }

        BackupStore store = BackupStore.Create(new BackupStoreOptions { Uri = $"s3://{bucket}/backups", S3 = new S3Options { AccessKey = access, SecretKey = secret, Endpoint = server.Endpoint } });
        await RunAsync(store, () => server.AdministerAsync("quota", "set", "--quota-scope=user", $"--uid={user}", "--max-size=100M"));
    }

    /// <summary>As MinIO answers for a bucket's quota and for full disks.</summary>
    [Theory]
    [InlineData(400, "XMinioAdminBucketQuotaExceeded")]
    [InlineData(507, "XMinioStorageFull")]
    public async Task Other_servers_words_for_no_room_are_understood(int status, string code)
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, Cancel);
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/xml";
            await context.Response.WriteAsync($"<Error><Code>{code}</Code><Message>no</Message></Error>", Cancel);
        });
        BackupStore store = BackupStore.Create(new BackupStoreOptions { Uri = "s3://bucket/backups", S3 = new S3Options { AccessKey = "a", SecretKey = "b", Endpoint = server.Uri } });
        await using IObjectStore objects = store.Open();

        RabbitBackupException full = await Assert.ThrowsAsync<RabbitBackupException>(() => objects.PutAsync(ObjectPath.Parse("a"), new MemoryStream(new byte[10]), new PutOptions(), Cancel));

        AssertFull(full, store);
    }

    private static void AssertFull(RabbitBackupException full, BackupStore store)
    {
        Assert.True(full is { Code: ErrorCode.StorageUnavailable, IsTransient: false }, full.ToString());
        Assert.Contains(store.DisplayUri, full.Message, StringComparison.Ordinal);
        Assert.Contains("quota is used up", full.Message, StringComparison.Ordinal);
        Assert.Contains("Make room", full.Hint, StringComparison.Ordinal);
    }

    private static async Task RunAsync(BackupStore store, Func<Task> makeRoom)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync("q", "classic");
        Random random = new(1);
        await client.PublishAsync("q", Enumerable.Range(0, Count).Select(number =>
        {
            byte[] body = new byte[200];
            random.NextBytes(body);
            return (new BasicProperties { MessageId = $"{number}" }, body);
        }));
        Task<BackupManifest> BackupAsync(bool resume) => harness.BackupAsync(options => options with
        {
            Store = store,
            BackupId = "a",
            Resume = resume,
            SegmentBytes = 64 << 10,
            CheckpointPath = Path.Combine(harness.Folder, "checkpoints"),
        });

        RabbitBackupException full = await Assert.ThrowsAsync<RabbitBackupException>(() => BackupAsync(resume: false));

        AssertFull(full, store);
        Assert.NotEmpty(harness.Segments);
        await using BackupCatalog catalog = new(store);
        Assert.False(await catalog.ExistsAsync("a", Cancel));
        Assert.Equal((uint)Count, await client.CountAsync("q"));

        await makeRoom();
        BackupManifest manifest = await BackupAsync(resume: true);
        Assert.Equal((BackupStatus.Complete, (long)Count), (manifest.Status, manifest.TotalMessages));
        Assert.Empty((await harness.VerifyAsync(manifest)).Findings);
    }
}
