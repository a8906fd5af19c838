using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.AspNetCore.Http;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>S3 against a real server.</summary>
public sealed class S3StoreTests : CloudStoreContract
{
    private readonly string _bucket = $"test-{Guid.NewGuid():n}";
    private CephServer? _server;

    protected override int BigBytes => (8 << 20) + (3 << 20);

    protected override int ManyKeys => 2_100;

    private protected override Uri Server => _server!.Endpoint;

    [Theory]
    [InlineData(100)]
    [InlineData(0)]
    public async Task Locks_tags_and_class_are_stamped_on_what_a_backup_is_made_of(int length)
    {
        using AmazonS3Client admin = Admin();
        string bucket = $"lock-{Guid.NewGuid():n}";
        await admin.PutBucketAsync(new PutBucketRequest { BucketName = bucket, ObjectLockEnabledForBucket = true }, Cancel);
        S3Options options = Options() with { ObjectLockMode = "GOVERNANCE", ObjectLockDays = 3, LegalHold = true, StorageClass = "STANDARD", Tags = new Dictionary<string, string> { ["team"] = "ops" } };
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions { Uri = $"s3://{bucket}", S3 = options }).Open();

        await store.PutAsync(P("kept"), new ScriptedStream(Bytes(length == 0 ? BigBytes : length)), new PutOptions { CreateOnly = true, Retain = true }, Cancel);
        await store.PutAsync(P("free"), new ScriptedStream(Bytes(100)), new PutOptions { CreateOnly = true }, Cancel);

        GetObjectMetadataResponse kept = await admin.GetObjectMetadataAsync(bucket, "kept", Cancel), free = await admin.GetObjectMetadataAsync(bucket, "free", Cancel);
        Assert.Equal(ObjectLockMode.Governance, kept.ObjectLockMode);
        Assert.InRange(kept.ObjectLockRetainUntilDate!.Value.ToUniversalTime(), DateTime.UtcNow.AddDays(2.9), DateTime.UtcNow.AddDays(3.1));
        Assert.Equal(ObjectLockLegalHoldStatus.On, kept.ObjectLockLegalHoldStatus);
        Assert.Null(free.ObjectLockRetainUntilDate);
        GetObjectTaggingResponse tags = await admin.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = bucket, Key = "kept" }, Cancel);
        Assert.Equal(("team", "ops"), (tags.Tagging[0].Key, tags.Tagging[0].Value));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_probe_finds_out_whether_the_bucket_locks(bool locks)
    {
        using AmazonS3Client admin = Admin();
        string bucket = $"lock-{Guid.NewGuid():n}";
        await admin.PutBucketAsync(new PutBucketRequest { BucketName = bucket, ObjectLockEnabledForBucket = locks }, Cancel);
        BackupStore store = BackupStore.Create(new BackupStoreOptions { Uri = $"s3://{bucket}", S3 = Options() with { ObjectLockMode = "GOVERNANCE", ObjectLockDays = 1 } });

        IReadOnlyList<StoreProbeStep> steps = await StoreProbe.RunAsync(store, Cancel);

        Assert.Equal(["write", "read back", "create only", "replace by version", "write in parts", "lock", "list", "delete"], steps.Select(step => step.Name));
        Assert.True(steps.Where(step => !step.Passed).Select(step => step.Name).SequenceEqual(locks ? [] : ["lock"]), string.Join('\n', steps));
        Assert.Equal(locks, StoreProbe.Verdict(store, steps) is not { } verdict || !verdict.Message.Contains("can't be locked", StringComparison.Ordinal));
        Assert.Empty((await admin.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket }, Cancel)).S3Objects ?? []);
    }

    [Fact]
    public async Task The_compatible_mode_does_the_main_job_too()
    {
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions { Uri = $"s3://{_bucket}/plain?s3_compatibility=true", S3 = Options() }).Open();
        await store.PutAsync(P("a"), new ScriptedStream(Bytes(100)), new PutOptions { CreateOnly = true }, Cancel);
        await store.PutAsync(P("b"), new ScriptedStream(Bytes(BigBytes)), new PutOptions { CreateOnly = true }, Cancel);

        await AssertCodeAsync(ErrorCode.StorageConflict, () => store.PutAsync(P("a"), new MemoryStream([1]), new PutOptions { CreateOnly = true }, Cancel));
        await using Stream stream = await store.OpenReadAsync(P("b"), new Engine.Storage.ByteRange(BigBytes - 10, 100), Cancel);
        byte[] read = new byte[100];
        Assert.Equal(10, await stream.ReadAtLeastAsync(read, 100, throwOnEndOfStream: false, Cancel));
        Assert.Equal(Bytes(BigBytes)[^10..], read[..10]);
    }

    [Fact]
    public async Task A_put_that_failed_leaves_no_parts_behind()
    {
        ScriptedStream content = new(Bytes(3 * BigBytes), 2 * BigBytes, _ => throw new IOException("the source broke"));

        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => Store.PutAsync(P("a"), content, new PutOptions(), Cancel));

        using AmazonS3Client admin = Admin();
        ListMultipartUploadsResponse uploads = await admin.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = _bucket }, Cancel);
        Assert.Empty(uploads.MultipartUploads ?? []);
    }

    [Fact]
    public async Task The_address_and_the_environment_suffice()
    {
        // The library reads the environment; no other test of this process may need other credentials from there.
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", _server!.AccessKey);
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", _server.SecretKey);
        await PutAsync("a", "1");
        await using IObjectStore store = BackupStore.Parse($"s3://{_bucket}/some/prefix?endpoint={Uri.EscapeDataString(_server.Endpoint.ToString())}&region=us-east-1&path_style=true").Open();

        Assert.Equal(1, (await store.HeadAsync(P("a"), Cancel))!.Length);
    }

    internal override async Task<IObjectStore> OpenEmptyAsync()
    {
        try
        {
            _server = await CephServer.GetAsync();
        }
        catch (TestServerUnavailableException e)
        {
            Assert.Skip(e.Message);
        }

        using AmazonS3Client client = Admin();
        await client.PutBucketAsync(_bucket, Cancel);
        return Open(Server).Open();
    }

    private protected override BackupStore Open(Uri endpoint, string prefix, RetryOptions retry, TimeSpan? requestTimeout) =>
        BackupStore.Create(new BackupStoreOptions { Uri = $"s3://{_bucket}/{prefix}", S3 = Options() with { Endpoint = endpoint }, Retry = retry, RequestTimeout = requestTimeout ?? TimeSpan.FromSeconds(100) });

    private protected override BackupStore OpenWithWrongCredentials() => BackupStore.Create(new BackupStoreOptions { Uri = $"s3://{_bucket}", S3 = Options() with { SecretKey = "canary-secret" } });

    private protected override BackupStore OpenMissingBucket() => BackupStore.Create(new BackupStoreOptions { Uri = "s3://no-such-bucket", S3 = Options() });

    private protected override bool MakesVisible(HttpRequest request, bool big) => big ? request.Method == "POST" && request.Query.ContainsKey("uploadId") : request.Method == "PUT";

    private AmazonS3Client Admin() => new(_server!.AccessKey, _server.SecretKey, new AmazonS3Config { ServiceURL = _server.Endpoint.ToString(), ForcePathStyle = true, AuthenticationRegion = "us-east-1" });

    private S3Options Options() => new() { AccessKey = _server!.AccessKey, SecretKey = _server.SecretKey, Endpoint = _server.Endpoint };
}
