using Amazon.S3;
using Amazon.S3.Model;
using Azure.Storage;
using Azure.Storage.Sas;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.Storage;
using RabbitMqBackup.Engine.Verification;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>
/// The rights on a store that docs/RELIABILITY.md names suffice for each job, and with one less it ends with an error that names the store and what it was about, before anything looks whole. Tried as a second user of Ceph with
/// a bucket policy, and with shared access signatures of Azurite.
/// </summary>
public sealed class StoreRightsTests : IAsyncLifetime
{
    private const string List = "list", Read = "read", Write = "write", Delete = "delete";
    private const int Messages = 400;

    private TestVirtualHost _virtualHost = null!;
    private EngineHarness _harness = null!;
    private IndependentClient _client = null!;
    private string _bucket = "";
    private string _address = "";
    private IReadOnlyDictionary<string, string> _environment = new Dictionary<string, string>();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _virtualHost = await Brokers.VirtualHostAsync();
        _harness = EngineHarness.For(_virtualHost);
        _client = await IndependentClient.ConnectAsync(_virtualHost.Broker, _virtualHost.Name);
        await _client.DeclareAsync("q", "classic");
        await _client.PublishAsync("q", Enumerable.Range(0, Messages).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[500])));
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
            _harness.Dispose();
            await _virtualHost.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(FaultStore.S3)]
    [InlineData(FaultStore.Azure)]
    public async Task Each_job_needs_the_rights_that_are_documented_and_no_more(string kind)
    {
        Func<string[], Task<BackupStore>> with = kind == FaultStore.S3 ? await InS3Async() : await InAzureAsync();

        // Backing up. What is renewed or deleted in the course of it, the lease and the copy of the checkpoint, stays behind with a warning. In S3 that something is not there can be seen with the right to list alone.
        string[] backingUp = kind == FaultStore.S3 ? [List, Write] : [List, Read, Write];
        BackupManifest manifest = await BackUpAsync(await with(backingUp), "first");
        Assert.Equal((BackupStatus.Complete, (long)Messages), (manifest.Status, manifest.TotalMessages));
        Assert.Empty(_harness.Failures);
        foreach (string[] less in backingUp.Select(right => backingUp.Where(other => other != right).ToArray()))
        {
            await AssertRefusedAsync(await with(less), less, async store => await BackUpAsync(store, "less"));
        }

        await using (BackupCatalog all = new(await with([List, Read, Write, Delete])))
        {
            Assert.False(await all.ExistsAsync("less", Cancel));
        }

        await AssertReadingAsync(with, kind);

        // Removing, which without the right leaves the backup as whole as it was.
        foreach (string[] less in new[] { new[] { List, Read, Write }, [List, Read] })
        {
            await AssertRefusedAsync(await with(less), less, store => RemoveAsync(store, "first"));
        }

        Assert.Empty((await VerifyAsync(await with([List, Read]), "first")).Findings);
        await using (IObjectStore objects = (await with([List, Read, Write, Delete])).Open())
        {
            // Of this process, which lives, and could not release it; after ten minutes it would be stale.
            await objects.DeleteAsync(ObjectPath.Parse("_leases/first/exclusive.json"), null, Cancel);
        }

        await RemoveAsync(await with([List, Read, Write, Delete]), "first");
        await using BackupCatalog after = new(await with([List, Read]));
        Assert.False(await after.ExistsAsync("first", Cancel));
    }

    [Theory]
    [InlineData(FaultStore.S3)]
    [InlineData(FaultStore.Azure)]
    public async Task Resuming_what_was_killed_takes_its_lease_away_and_needs_the_right_to_delete(string kind)
    {
        Func<string[], Task<BackupStore>> with = kind == FaultStore.S3 ? await InS3Async() : await InAzureAsync();
        string checkpoints = Path.Combine(_harness.Folder, "checkpoints");
        BackupStore refusing = await with([List, Read, Write]);
        FaultStore store = new(_address, _environment, refusing);
        using (CrashChild child = await CrashChild.StartAsync(_harness, "q", store, "cut", checkpoints))
        {
            Assert.True(await child.KillAfterAsync(1, TimeSpan.Zero), "the child had come to its end");
        }

        await _client.UntilCountAsync("q", Messages);
        await AssertRefusedAsync(refusing, [List, Read, Write], async _ => await ResumeAsync(refusing, checkpoints));

        BackupManifest manifest = await ResumeAsync(await with([List, Read, Write, Delete]), checkpoints);

        Assert.Equal((BackupStatus.Complete, (long)Messages), (manifest.Status, manifest.TotalMessages));
        Assert.Empty((await _harness.VerifyAsync(manifest)).Findings);
    }

    /// <summary>Azure knows a right to make blobs without the one to replace them.</summary>
    [Fact]
    public async Task The_right_to_create_blobs_suffices_for_a_backup_whose_checkpoint_stays_on_the_machine()
    {
        Func<string[], Task<BackupStore>> with = await InAzureAsync(create: "c");

        BackupManifest manifest = await BackUpAsync(await with([List, Read, Write]), "created", options => options with { CheckpointInterval = TimeSpan.Zero });

        Assert.Equal((BackupStatus.Complete, (long)Messages), (manifest.Status, manifest.TotalMessages));
        Assert.Empty((await _harness.VerifyAsync(manifest)).Findings);
        Assert.Empty(_harness.Failures);
    }

    [Fact]
    public async Task What_was_uploaded_of_an_object_in_parts_is_given_up_with_the_right_to_abort()
    {
        Func<string[], Task<BackupStore>> with = await InS3Async();
        await using IObjectStore store = (await with([List, Read, Write])).Open();
        byte[] big = new byte[20 << 20];

        await store.PutAsync(ObjectPath.Parse("whole"), new MemoryStream(big), new PutOptions { CreateOnly = true }, Cancel);
        await Assert.ThrowsAsync<RabbitBackupException>(() => store.PutAsync(ObjectPath.Parse("cut"), new ScriptedStream(big, 17 << 20, _ => throw new IOException("the source broke")), new PutOptions(), Cancel));

        Assert.Equal(big.Length, (await store.HeadAsync(ObjectPath.Parse("whole"), Cancel))!.Length);
        using AmazonS3Client admin = FaultStore.Admin(await CephServer.GetAsync());
        Assert.Empty((await admin.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = _bucket }, Cancel)).MultipartUploads ?? []);
    }

    /// <summary>A user of Ceph who has nothing in a bucket but what its policy says.</summary>
    private async Task<Func<string[], Task<BackupStore>>> InS3Async()
    {
        CephServer server = await FaultStore.OrSkipAsync(CephServer.GetAsync());
        string user = $"least-{Guid.NewGuid():n}", access = $"AK{Guid.NewGuid():n}", secret = $"SK{Guid.NewGuid():n}";
        await FaultStore.OrSkipAsync(Task.Run(async () =>
        {
            await server.AdministerAsync("user", "create", $"--uid={user}", "--display-name=least", $"--access-key={access}", $"--secret-key={secret}");
            return true;
        }));
        _bucket = $"rights-{Guid.NewGuid():n}";
        using AmazonS3Client admin = FaultStore.Admin(server);
        await admin.PutBucketAsync(_bucket, Cancel);
        _address = $"s3://{_bucket}/backups?endpoint={Uri.EscapeDataString(server.Endpoint.ToString())}&region=us-east-1&path_style=true";
        _environment = new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = access, ["AWS_SECRET_ACCESS_KEY"] = secret };
        Dictionary<string, string> actions = new()
        {
            [List] = "\"s3:ListBucket\"",
            [Read] = "\"s3:GetObject\"",
            [Write] = "\"s3:PutObject\",\"s3:AbortMultipartUpload\"",
            [Delete] = "\"s3:DeleteObject\"",
        };
        return async rights =>
        {
            // What is not allowed is forbidden: on Ceph who has written an object owns it, and may read it without being allowed to.
            string[] statements = [Statement("Allow", rights), .. rights.Length < actions.Count ? [Statement("Deny", actions.Keys.Except(rights))] : Array.Empty<string>()];
            using AmazonS3Client owner = FaultStore.Admin(server);
            await owner.PutBucketPolicyAsync(_bucket, $$"""{"Version":"2012-10-17","Statement":[{{string.Join(',', statements)}}]}""", Cancel);
            return BackupStore.Create(new BackupStoreOptions { Uri = _address, S3 = new S3Options { AccessKey = access, SecretKey = secret } });
        };

        string Statement(string effect, IEnumerable<string> rights) => $$"""
            {"Effect":"{{effect}}","Principal":{"AWS":["arn:aws:iam:::user/{{user}}"]},"Action":[{{string.Join(',', rights.Select(right => actions[right]))}}],
            "Resource":["arn:aws:s3:::{{_bucket}}","arn:aws:s3:::{{_bucket}}/*"]}
            """;
    }

    /// <summary>Shared access signatures of a container of Azurite.</summary>
    private async Task<Func<string[], Task<BackupStore>>> InAzureAsync(string create = "cw")
    {
        AzuriteServer server = await FaultStore.OrSkipAsync(AzuriteServer.GetAsync());
        _bucket = $"rights-{Guid.NewGuid():n}";
        await server.CreateContainerAsync(_bucket);
        _address = $"azblob://{server.Account}/{_bucket}/backups?endpoint={Uri.EscapeDataString(server.Endpoint.ToString())}";
        Dictionary<string, string> letters = new() { [List] = "l", [Read] = "r", [Write] = create, [Delete] = "d" };
        return rights =>
        {
            BlobSasBuilder sas = new() { BlobContainerName = _bucket, Resource = "c", StartsOn = DateTimeOffset.UtcNow.AddHours(-1), ExpiresOn = DateTimeOffset.UtcNow.AddHours(1) };
            sas.SetPermissions(string.Concat(rights.Select(right => letters[right])), normalize: true);
            string token = sas.ToSasQueryParameters(new StorageSharedKeyCredential(server.Account, server.Key)).ToString();
            _environment = new Dictionary<string, string> { ["AZURE_STORAGE_ACCOUNT"] = server.Account, ["AZURE_STORAGE_SAS_TOKEN"] = token };
            return Task.FromResult(BackupStore.Create(new BackupStoreOptions { Uri = _address, AzureBlob = new AzureBlobOptions { SasToken = token } }));
        };
    }

    /// <summary>Listing, testing, restoring.</summary>
    private async Task AssertReadingAsync(Func<string[], Task<BackupStore>> with, string kind)
    {
        BackupStore reading = await with([List, Read]);
        Assert.Equal(["first"], await ListAsync(reading));
        Assert.Empty((await VerifyAsync(reading, "first")).Findings);
        await using (BackupCatalog catalog = new(reading))
        {
            RestoreResult restored = await _harness.RestoreAsync(await catalog.GetAsync("first", Cancel), options => options with { IfNotEmpty = NonEmptyTarget.Append });
            Assert.True(restored.IsComplete, restored.Queues[0].Reason);
        }

        Assert.Equal(2u * Messages, await _client.CountAsync("q"));
        foreach (string[] less in new[] { new[] { Read }, [List] })
        {
            await AssertRefusedAsync(await with(less), less, ListAsync);
        }

        await AssertRefusedAsync(await with([List]), [List], store => VerifyAsync(store, "first"));
        Assert.True(await _client.PurgeAsync("q") > 0, kind);
        await _client.PublishAsync("q", Enumerable.Range(0, Messages).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[500])));
    }

    private static async Task AssertRefusedAsync(BackupStore store, string[] rights, Func<BackupStore, Task> job)
    {
        RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => job(store));
        string with = $"with {string.Join(", ", rights)}: {refusal}";
        Assert.True(refusal.Code == ErrorCode.StorageAccessDenied, with);
        Assert.True(refusal.Message.Contains(store.DisplayUri, StringComparison.Ordinal), with);
        Assert.True(refusal.Hint?.Contains("read, write, list and delete", StringComparison.Ordinal) == true, with);
    }

    private Task<BackupManifest> BackUpAsync(BackupStore store, string id, Func<BackupOptions, BackupOptions>? change = null) =>
        _harness.BackupAsync(options => (change ?? (same => same))(options with { Store = store, BackupId = id, SegmentBytes = CrashChild.SegmentBytes }));

    private Task<BackupManifest> ResumeAsync(BackupStore store, string checkpoints) =>
        _harness.BackupAsync(options => options with { Store = store, BackupId = "cut", Resume = true, SegmentBytes = CrashChild.SegmentBytes, Selection = new(), CheckpointPath = checkpoints });

    private static async Task<List<string>> ListAsync(BackupStore store)
    {
        List<string> ids = [];
        await using BackupCatalog catalog = new(store);
        await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery(), damaged => throw damaged, Cancel))
        {
            ids.Add(manifest.BackupId);
        }

        return ids;
    }

    private async Task<VerificationReport> VerifyAsync(BackupStore store, string id)
    {
        await using BackupCatalog catalog = new(store);
        return await _harness.VerifyAsync(await catalog.GetAsync(id, Cancel));
    }

    private static async Task RemoveAsync(BackupStore store, string id)
    {
        BackupRemover remover = new();
        RemovalPlan plan = await remover.PlanAsync(new RemovalOptions { Store = store, BackupIds = [id], Force = true, BreakStaleLease = true }, Cancel);
        await remover.RemoveAsync(plan, plan.Backups.Single(), _ => { }, Cancel);
    }
}
