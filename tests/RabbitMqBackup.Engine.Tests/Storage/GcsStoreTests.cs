using Microsoft.AspNetCore.Http;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>Google Cloud Storage against a fake.</summary>
public sealed class GcsStoreTests : CloudStoreContract
{
    private readonly string _keyFile = Path.GetTempFileName();
    private GcsFake? _fake;

    protected override int BigBytes => (8 << 20) + (3 << 20);

    protected override int ManyKeys => 2_100;

    private protected override Uri Server => _fake!.Uri;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _fake!.DisposeAsync();
        File.Delete(_keyFile);
    }

    [Fact]
    public async Task A_chunk_that_arrives_in_part_is_completed()
    {
        byte[] bytes = Bytes(BigBytes);
        _fake!.LoseBytesOnce = 1 << 20;

        await Store.PutAsync(P("a"), new ScriptedStream(bytes), new PutOptions(), Cancel);

        await using Stream stream = await Store.OpenReadAsync(P("a"), null, Cancel);
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(bytes), await System.Security.Cryptography.SHA256.HashDataAsync(stream, Cancel));
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(int.MaxValue, false)]
    public async Task An_upload_that_has_everything_and_is_not_finished_is_asked_again_and_given_up_in_the_end(int unfinished, bool stored)
    {
        _fake!.Unfinished = unfinished;
        Task<ObjectInfo> put = Task.Run(() => Store.PutAsync(P("a"), new ScriptedStream(Bytes(BigBytes)), new PutOptions(), Cancel), Cancel);

        if (stored)
        {
            Assert.Equal(BigBytes, (await put.WaitAsync(TimeSpan.FromMinutes(2), Cancel)).Length);
        }
        else
        {
            await AssertCodeAsync(ErrorCode.StorageUnavailable, () => put.WaitAsync(TimeSpan.FromMinutes(2), Cancel));
        }

        Assert.Equal(stored, await Store.HeadAsync(P("a"), Cancel) is not null);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(0)]
    public async Task Content_that_arrives_altered_is_not_kept(int length)
    {
        _fake!.Garble = true;

        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => Store.PutAsync(P("a"), new ScriptedStream(Bytes(length == 0 ? BigBytes : length)), new PutOptions(), Cancel));

        Assert.Null(await Store.HeadAsync(P("a"), Cancel));
    }

    [Fact]
    public async Task A_put_that_failed_cancels_its_session()
    {
        ScriptedStream content = new(Bytes(3 * BigBytes), 2 * BigBytes, _ => throw new IOException("the source broke"));

        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => Store.PutAsync(P("a"), content, new PutOptions(), Cancel));

        Assert.Equal(0, _fake!.OpenSessions);
    }

    [Fact]
    public async Task The_storage_class_is_set()
    {
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions { Uri = "gs://bucket?storage_class=NEARLINE", Gcs = Options() }).Open();

        await store.PutAsync(P("a"), new MemoryStream([1]), new PutOptions(), Cancel);

        Assert.Equal("NEARLINE", _fake!.ClassOf("a"));
    }

    [Fact]
    public async Task A_file_that_is_no_key_is_access_denied_with_its_name()
    {
        await File.WriteAllTextAsync(_keyFile, "{\"type\":\"external_account\"}", Cancel);
        await using IObjectStore store = Open(Server).Open();

        Assert.Contains(_keyFile, (await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => store.HeadAsync(P("a"), Cancel))).Message);
    }

    internal override async Task<IObjectStore> OpenEmptyAsync()
    {
        _fake = await GcsFake.StartAsync();
        await File.WriteAllTextAsync(_keyFile, _fake.KeyFile(), Cancel);
        return Open(Server).Open();
    }

    private protected override BackupStore Open(Uri endpoint, string prefix, RetryOptions retry, TimeSpan? requestTimeout) =>
        BackupStore.Create(new BackupStoreOptions { Uri = $"gs://bucket/{prefix}", Gcs = Options() with { Endpoint = endpoint }, Retry = retry, RequestTimeout = requestTimeout ?? TimeSpan.FromSeconds(100) });

    private protected override BackupStore OpenWithWrongCredentials()
    {
        _fake!.RefuseTokens = true;
        return BackupStore.Create(new BackupStoreOptions { Uri = "gs://bucket", Gcs = Options() });
    }

    private protected override BackupStore OpenMissingBucket() => BackupStore.Create(new BackupStoreOptions { Uri = "gs://no-such-bucket", Gcs = Options() });

    // The answer to the last chunk; the others are followed by more.
    private protected override bool MakesVisible(HttpRequest request, bool big) => big
        ? request.Method == "PUT" && request.Headers["Content-Range"].ToString() is { } range && !range.EndsWith("/*", StringComparison.Ordinal)
        : request.Method == "POST" && request.Query["uploadType"] == "multipart";

    private GcsOptions Options() => new() { CredentialFile = _keyFile, Endpoint = _fake!.Uri };
}
