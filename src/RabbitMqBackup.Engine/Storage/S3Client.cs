using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.S3;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>Makes the AWS library's client as the options say. Repeating is ours, so the library does not.</summary>
internal static class S3Client
{
    internal static S3Store Open(StoreUri uri, S3Options options, RetryPolicy policy, TimeSpan requestTimeout) => new(Create(options, requestTimeout), uri, options, policy);

    private static AmazonS3Client Create(S3Options options, TimeSpan requestTimeout)
    {
        AmazonS3Config config = new()
        {
            MaxErrorRetry = 0,
            MaxStaleConnectionRetries = 0,
            HttpClientFactory = new S3Answers(requestTimeout),
            ForcePathStyle = options.PathStyle ?? options.Endpoint is not null,
        };
        if (options.Compatible)
        {
            config.RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED;
            config.ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED;
        }

        if (options.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint.ToString();
            config.AuthenticationRegion = options.Region ?? "us-east-1";
        }
        else if (options.Region is { } region)
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        }

        try
        {
            return Credentials(options) is { } credentials ? new AmazonS3Client(credentials, config) : new AmazonS3Client(config);
        }
        catch (AmazonClientException exception)
        {
            // The library looks for a region in the environment and the profile, and finds none.
            throw new ArgumentException("The region of the S3 store is not known: give it as the option 'region', in AWS_REGION, or in the AWS profile.", exception);
        }
    }

    private static AWSCredentials? Credentials(S3Options options)
    {
        if (options.AccessKey is not null)
        {
            return options.SessionToken is null
                ? new BasicAWSCredentials(options.AccessKey, options.SecretKey)
                : new SessionAWSCredentials(options.AccessKey, options.SecretKey, options.SessionToken);
        }

        if (options.Profile is null)
        {
            return null;
        }

        return new CredentialProfileStoreChain().TryGetAWSCredentials(options.Profile, out AWSCredentials credentials)
            ? credentials
            : throw new ArgumentException($"There is no profile '{options.Profile}' with credentials in the shared AWS files of this user.");
    }
}
