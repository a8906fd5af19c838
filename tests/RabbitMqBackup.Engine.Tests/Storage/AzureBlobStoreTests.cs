using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Sas;
using Microsoft.AspNetCore.Http;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>Azure Blob Storage against Azurite.</summary>
public sealed class AzureBlobStoreTests : CloudStoreContract
{
    private readonly string _bucket = $"test-{Guid.NewGuid():n}";
    private AzuriteServer? _server;

    protected override int BigBytes => (8 << 20) + (3 << 20);

    private protected override Uri Server => _server!.Endpoint;

    [Fact]
    public async Task A_shared_access_signature_suffices_and_an_expired_one_is_access_denied()
    {
        await PutAsync("a", "1");
        await using IObjectStore store = OpenWithSas(DateTimeOffset.UtcNow.AddMinutes(5)).Open();
        Assert.Equal(1, (await store.HeadAsync(P("a"), Cancel))!.Length);

        await using IObjectStore expired = OpenWithSas(DateTimeOffset.UtcNow.AddMinutes(-5)).Open();
        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => expired.HeadAsync(P("a"), Cancel));
        Assert.DoesNotContain("sig=", error.ToString());
    }

    [Fact]
    public async Task A_connection_string_suffices_and_must_be_of_the_account()
    {
        await PutAsync("a", "1");
        string connection = $"DefaultEndpointsProtocol=http;AccountName={_server!.Account};AccountKey={_server.Key};BlobEndpoint={_server.Endpoint};";
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_server.Account}/{_bucket}/some/prefix", AzureBlob = new() { ConnectionString = connection } }).Open();
        Assert.Equal(1, (await store.HeadAsync(P("a"), Cancel))!.Length);

        BackupStore other = BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://another/{_bucket}", AzureBlob = new() { ConnectionString = connection } });
        Assert.DoesNotContain(_server.Key, Assert.Throws<ArgumentException>(other.Open).ToString());
        BackupStore broken = BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_server.Account}/{_bucket}", AzureBlob = new() { ConnectionString = "AccountKey=canary" } });
        Assert.DoesNotContain("canary", Assert.Throws<ArgumentException>(broken.Open).ToString());
    }

    [Theory]
    [InlineData(100)]
    [InlineData(0)]
    public async Task The_access_tier_is_set(int length)
    {
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_server!.Account}/{_bucket}?access_tier=Cool", AzureBlob = Options() }).Open();

        await store.PutAsync(P("a"), new ScriptedStream(Bytes(length == 0 ? BigBytes : length)), new PutOptions(), Cancel);

        BlobProperties properties = await Admin().GetBlobClient("a").GetPropertiesAsync(cancellationToken: Cancel);
        Assert.Equal("Cool", properties.AccessTier);
    }

    internal override async Task<IObjectStore> OpenEmptyAsync()
    {
        try
        {
            _server = await AzuriteServer.GetAsync();
        }
        catch (TestServerUnavailableException e)
        {
            Assert.Skip(e.Message);
        }

        await Admin().CreateAsync(cancellationToken: Cancel);
        return Open(Server).Open();
    }

    private protected override BackupStore Open(Uri endpoint, string prefix, RetryOptions retry, TimeSpan? requestTimeout) =>
        BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_server!.Account}/{_bucket}/{prefix}", AzureBlob = Options() with { Endpoint = endpoint }, Retry = retry, RequestTimeout = requestTimeout ?? TimeSpan.FromSeconds(100) });

    private protected override BackupStore OpenWithWrongCredentials() =>
        BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_server!.Account}/{_bucket}", AzureBlob = Options() with { AccountKey = Convert.ToBase64String("canary"u8) } });

    private protected override BackupStore OpenMissingBucket() => BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_server!.Account}/no-such-container", AzureBlob = Options() });

    private protected override bool MakesVisible(HttpRequest request, bool big) => request.Method == "PUT" && request.Query["comp"].ToString() == (big ? "blocklist" : "");

    private BackupStore OpenWithSas(DateTimeOffset expiry)
    {
        BlobSasBuilder sas = new(BlobContainerSasPermissions.All, expiry) { BlobContainerName = _bucket, Resource = "c", StartsOn = DateTimeOffset.UtcNow.AddHours(-1) };
        string token = sas.ToSasQueryParameters(new StorageSharedKeyCredential(_server!.Account, _server.Key)).ToString();
        return BackupStore.Create(new BackupStoreOptions { Uri = $"azblob://{_server.Account}/{_bucket}/some/prefix", AzureBlob = new() { SasToken = "?" + token, Endpoint = _server.Endpoint } });
    }

    private BlobContainerClient Admin() => new(new Uri($"{_server!.Endpoint}/{_bucket}"), new StorageSharedKeyCredential(_server.Account, _server.Key));

    private AzureBlobOptions Options() => new() { AccountKey = _server!.Key, Endpoint = _server.Endpoint };
}
