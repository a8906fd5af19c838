using Amazon.S3;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>An empty store of one kind, for this process and for its children: these get the secret by their environment, and not in the address.</summary>
/// <param name="Address">What a child parses.</param>
/// <param name="Environment">What a child needs beside it.</param>
/// <param name="Store">The same for this process.</param>
internal sealed record FaultStore(string Address, IReadOnlyDictionary<string, string> Environment, BackupStore Store)
{
    internal const string Folder = "folder";
    internal const string S3 = "S3";
    internal const string Azure = "Azure";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Makes one, or skips the test with the reason why there is no such server here.</summary>
    /// <param name="kind"><see cref="Folder"/>, <see cref="S3"/> (Ceph) or <see cref="Azure"/> (Azurite).</param>
    /// <param name="folder">Where it is a folder: that one.</param>
    internal static Task<FaultStore> MakeAsync(string kind, string folder) => kind switch
    {
        Folder => Task.FromResult(new FaultStore(folder, new Dictionary<string, string>(), BackupStore.Parse(folder))),
        S3 => InBucketAsync(),
        Azure => InContainerAsync(),
        _ => throw new ArgumentException($"No store '{kind}'.", nameof(kind)),
    };

    /// <summary>A server, or a skipped test.</summary>
    internal static async Task<T> OrSkipAsync<T>(Task<T> server)
    {
        try
        {
            return await server;
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
            throw;
        }
    }

    /// <summary>Ceph's first user, who may make buckets.</summary>
    internal static AmazonS3Client Admin(CephServer server) => Client(server, server.AccessKey, server.SecretKey);

    internal static AmazonS3Client Client(CephServer server, string accessKey, string secretKey) =>
        new(accessKey, secretKey, new AmazonS3Config { ServiceURL = server.Endpoint.ToString(), ForcePathStyle = true, AuthenticationRegion = "us-east-1" });

    private static async Task<FaultStore> InBucketAsync()
    {
        CephServer server = await OrSkipAsync(CephServer.GetAsync());
        string bucket = $"fault-{Guid.NewGuid():n}";
        using AmazonS3Client admin = Admin(server);
        await admin.PutBucketAsync(bucket, Cancel);
        string address = $"s3://{bucket}/backups?endpoint={Uri.EscapeDataString(server.Endpoint.ToString())}&region=us-east-1&path_style=true";
        return new(
            address,
            new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = server.AccessKey, ["AWS_SECRET_ACCESS_KEY"] = server.SecretKey },
            BackupStore.Create(new BackupStoreOptions { Uri = address, S3 = new S3Options { AccessKey = server.AccessKey, SecretKey = server.SecretKey } }));
    }

    private static async Task<FaultStore> InContainerAsync()
    {
        AzuriteServer server = await OrSkipAsync(AzuriteServer.GetAsync());
        string container = $"fault-{Guid.NewGuid():n}";
        await server.CreateContainerAsync(container);
        string address = $"azblob://{server.Account}/{container}/backups?endpoint={Uri.EscapeDataString(server.Endpoint.ToString())}";
        return new(
            address,
            new Dictionary<string, string> { ["AZURE_STORAGE_ACCOUNT"] = server.Account, ["AZURE_STORAGE_KEY"] = server.Key },
            BackupStore.Create(new BackupStoreOptions { Uri = address, AzureBlob = new AzureBlobOptions { AccountKey = server.Key } }));
    }
}
