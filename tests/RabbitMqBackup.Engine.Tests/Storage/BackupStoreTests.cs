using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

public sealed class BackupStoreTests
{
    [Fact]
    public void Options_of_another_kind_of_store_are_refused()
    {
        Assert.Throws<ArgumentException>(() => BackupStore.Create(new BackupStoreOptions { Uri = "/x", S3 = new S3Options() }));
        Assert.Throws<ArgumentException>(() => BackupStore.Create(new BackupStoreOptions { Uri = "s3://bucket", AzureBlob = new AzureBlobOptions() }));
        Assert.Throws<ArgumentException>(() => BackupStore.Create(new BackupStoreOptions { Uri = "azblob://account/box", Gcs = new GcsOptions() }));
    }

    [Fact]
    public void Options_that_do_not_go_together_are_refused()
    {
        S3Options[] wrong =
        [
            new() { AccessKey = "a" }, new() { SecretKey = "canary" }, new() { SessionToken = "canary" }, new() { AccessKey = "a", SecretKey = "canary", Profile = "p" },
            new() { ServerSideEncryption = "rot13" }, new() { KmsKeyId = "k" }, new() { ObjectLockMode = "GOVERNANCE" }, new() { ObjectLockDays = 1 }, new() { ObjectLockMode = "NONE", ObjectLockDays = 1 },
            new() { ObjectLockMode = "COMPLIANCE", ObjectLockDays = 0 }, new() { StorageClass = "DEEP_ARCHIVE" }, new() { StorageClass = "GLACIER" },
            new() { Tags = Enumerable.Range(0, 11).ToDictionary(i => $"{i}", i => "x") },
        ];
        Assert.All(wrong, options => Assert.DoesNotContain("canary", Assert.Throws<ArgumentException>(() => BackupStore.Create(new BackupStoreOptions { Uri = "s3://bucket", S3 = options })).ToString()));
        AzureBlobOptions[] wrongAzure =
        [
            new() { SasToken = "canary", AccountKey = "canary" }, new() { ConnectionString = "canary", Endpoint = new Uri("http://x") }, new() { AccessTier = "Warm" }, new() { AccessTier = "Archive" }, new() { ImmutabilityDays = 0 }, new() { ImmutabilityLocked = true },
        ];
        Assert.All(wrongAzure, options => Assert.DoesNotContain("canary", Assert.Throws<ArgumentException>(() => BackupStore.Create(new BackupStoreOptions { Uri = "azblob://account/box", AzureBlob = options })).ToString()));
        Assert.Throws<ArgumentException>(() => BackupStore.Create(new BackupStoreOptions { Uri = "/x", MaxBytesPerSecond = 0 }));
        Assert.Throws<ArgumentException>(() => BackupStore.Create(new BackupStoreOptions { Uri = "/x", RequestTimeout = TimeSpan.Zero }));
    }

    [Theory]
    [InlineData("s3://bucket?path_style=yes", "path_style")]
    [InlineData("s3://bucket?endpoint=example.org", "endpoint")]
    [InlineData("s3://bucket?endpoint=https://user:canary@example.org", "endpoint")]
    [InlineData("gs://bucket?endpoint=ftp://example.org", "endpoint")]
    [InlineData("azblob://account/box?access_tier=Warm", "Warm")]
    public void An_option_of_the_address_with_a_wrong_value_is_refused(string uri, string named)
    {
        string error = Assert.Throws<ArgumentException>(() => BackupStore.Parse(uri)).ToString();

        Assert.Contains(named, error);
        Assert.DoesNotContain("canary", error);
    }

    [Fact]
    public void Options_show_no_secret_as_text()
    {
        object[] options = [new S3Options { AccessKey = "AKIA", SecretKey = "canary", SessionToken = "canary" }, new AzureBlobOptions { AccountKey = "canary", SasToken = "canary", ConnectionString = "canary" }];

        Assert.All(options, option => Assert.DoesNotContain("canary", option.ToString()));
        Assert.DoesNotContain("canary", new BackupStoreOptions { Uri = "s3://b", S3 = (S3Options)options[0], AzureBlob = (AzureBlobOptions)options[1] }.ToString());
    }

    [Fact]
    public void Making_a_store_looks_for_no_credentials()
    {
        Assert.Equal("s3://bucket/p", BackupStore.Parse("s3://bucket/p?profile=none-such").DisplayUri);
        Assert.Equal("gs://bucket/p", BackupStore.Create(new BackupStoreOptions { Uri = "gs://bucket/p", Gcs = new GcsOptions { CredentialFile = "/none-such" } }).DisplayUri);
    }
}
