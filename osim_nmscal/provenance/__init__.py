"""What a result was made from: values, files, code and libraries, each as a digest."""
