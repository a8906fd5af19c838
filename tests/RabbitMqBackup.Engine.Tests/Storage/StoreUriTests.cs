using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

public sealed class StoreUriTests
{
    private static readonly string Base = OperatingSystem.IsWindows() ? @"C:\base" : "/base";

    [Theory]
    [InlineData("./b", "/base/b")]
    [InlineData("b", "/base/b")]
    [InlineData("b/", "/base/b")]
    [InlineData(".", "/base")]
    [InlineData("../x", "/x")]
    [InlineData("/x/y", "/x/y")]
    [InlineData("/x/y/../z//", "/x/z")]
    [InlineData("with blank?and#hash%20", "/base/with blank?and#hash%20")]
    [InlineData("file:///x/y", "/x/y")]
    [InlineData("file:/x/y", "/x/y")]
    [InlineData("FILE:///x/a%20b%3F", "/x/a b?")]
    [InlineData("file://localhost/x", "/x")]
    [InlineData("file:./b", "/base/b")]
    public void A_folder_is_found_from_a_path_or_a_file_URI(string uri, string folder)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix paths");
        StoreUri parsed = StoreUri.Parse(uri, Base);

        Assert.Equal(StoreScheme.File, parsed.Scheme);
        Assert.Equal(folder, parsed.Folder);
        Assert.Equal(folder, BackupStore.Parse(uri, Base).DisplayUri);
    }

    [Fact]
    public void A_Windows_folder_is_found_from_a_path_or_a_file_URI()
    {
        Assert.SkipUnless(OperatingSystem.IsWindows(), "Windows paths");
        Assert.Equal(@"C:\x", StoreUri.Parse(@"C:\x", Base).Folder);
        Assert.Equal(@"c:\x", StoreUri.Parse("c:/x/", Base).Folder);
        Assert.Equal(@"C:\base\b", StoreUri.Parse("./b", Base).Folder);
        Assert.Equal(@"\\server\share\x", StoreUri.Parse(@"\\server\share\x", Base).Folder);
        Assert.Equal(@"D:\x\y", StoreUri.Parse("file:///D:/x/y", Base).Folder);
        Assert.Equal(@"\\server\share\x", StoreUri.Parse("file://server/share/x", Base).Folder);
        Assert.Equal(@"C:\x", StoreUri.Parse("/x", Base).Folder);
    }

    [Fact]
    public void A_relative_path_without_a_base_starts_from_the_current_folder() =>
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "b"), StoreUri.Parse("b", null).Folder);

    [Theory]
    [InlineData("~", "")]
    [InlineData("~/b", "b")]
    public void A_tilde_is_the_home_folder(string uri, string below) =>
        Assert.Equal(
            Path.TrimEndingDirectorySeparator(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), below)),
            StoreUri.Parse(uri, Base).Folder);

    [Theory]
    [InlineData(@"C:\x")]
    [InlineData("C:/x")]
    [InlineData(@"\\server\share")]
    [InlineData("file://server/share")]
    [InlineData("file:///C:/x")]
    public void A_Windows_path_elsewhere_is_refused_and_not_taken_for_a_relative_one(string uri)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows paths are right there");
        Assert.Throws<ArgumentException>(() => StoreUri.Parse(uri, Base));
    }

    [Theory]
    [InlineData("s3://bucket", "s3://bucket", "bucket", "")]
    [InlineData("s3://bucket/", "s3://bucket", "bucket", "")]
    [InlineData("s3://bucket/a/b/", "s3://bucket/a/b", "bucket", "a/b")]
    [InlineData("S3://My.Bucket_1/a%20b", "s3://My.Bucket_1/a b", "My.Bucket_1", "a b")]
    [InlineData("gs://bucket/p", "gs://bucket/p", "bucket", "p")]
    [InlineData("azblob://account1/box/p/q", "azblob://account1/box/p/q", "box", "p/q")]
    [InlineData("azblob://account1/box", "azblob://account1/box", "box", "")]
    public void A_cloud_URI_has_a_bucket_and_a_prefix(string uri, string display, string bucket, string prefix)
    {
        StoreUri parsed = StoreUri.Parse(uri, Base);

        Assert.Equal((display, bucket, prefix), (parsed.DisplayUri, parsed.Bucket, parsed.Prefix));
        Assert.Equal(uri.StartsWith("az", StringComparison.Ordinal) ? "account1" : "", parsed.Account);
    }

    [Fact]
    public void Options_are_read_by_name()
    {
        StoreUri parsed = StoreUri.Parse("s3://bucket/p?region=eu-west-1&endpoint=https%3A%2F%2Fs3.example.org%3A9000&path_style=true", Base);

        Assert.Equal("eu-west-1", parsed.Options["region"]);
        Assert.Equal("https://s3.example.org:9000", parsed.Options["endpoint"]);
        Assert.Equal("true", parsed.Options["path_style"]);
        Assert.Equal("p", parsed.Prefix);
    }

    [Theory]
    [InlineData("s3://bucket?regoin=x", "regoin")]
    [InlineData("s3://bucket?region=a&region=b", "region")]
    [InlineData("s3://bucket?region", "region")]
    [InlineData("s3://bucket?region=", "region")]
    [InlineData("gs://bucket?path_style=true", "path_style")]
    [InlineData("ftp://host/x", "ftp")]
    [InlineData("s3:bucket", "s3://bucket/prefix")]
    [InlineData("s3://", "bucket")]
    [InlineData("s3:///prefix", "bucket")]
    [InlineData("s3://b u/x", "b u")]
    [InlineData("s3://bucket/a//b", "a//b")]
    [InlineData("s3://bucket/../b", "..")]
    [InlineData("s3://bucket/%2e%2e/b", "..")]
    [InlineData("s3://bucket/a#b", "fragment")]
    [InlineData("azblob://account1", "container")]
    [InlineData("azblob://Account/box", "Account")]
    [InlineData("azblob://account1/Box", "Box")]
    [InlineData("file:///x?region=a", "options")]
    [InlineData("file:", "folder")]
    [InlineData("a\0b", "U+0000")]
    [InlineData(" ", "empty")]
    public void A_wrong_URI_is_refused_with_the_part_that_is_wrong(string uri, string named) =>
        Assert.Contains(named, Assert.Throws<ArgumentException>(() => StoreUri.Parse(uri, Base)).Message);

    [Theory]
    [InlineData("s3://AKIA:canary@bucket/p")]
    [InlineData("azblob://account1/box?sig=canary")]
    [InlineData("s3://bucket?secret_access_key=canary")]
    public void A_secret_in_a_URI_is_refused_without_repeating_it(string uri) =>
        Assert.DoesNotContain("canary", Assert.Throws<ArgumentException>(() => StoreUri.Parse(uri, Base)).ToString());

    [Fact]
    public void A_prefix_leaves_room_for_the_longest_path()
    {
        string longest = new('p', StoreUri.MaxPrefixBytes);

        Assert.Equal(longest, StoreUri.Parse($"s3://bucket/{longest}", Base).Prefix);
        Assert.Throws<ArgumentException>(() => StoreUri.Parse($"s3://bucket/{longest}p", Base));
        Assert.True(StoreUri.MaxPrefixBytes + 1 + ObjectPath.MaxBytes <= 1024);
    }
}
